"""The encoders of a field by the names that a settings file uses."""

from shelfspace.encoders.convolution import TextCNN
from shelfspace.encoders.fields import Attributes, Hashed, Ids, Numbers, Vectors
from shelfspace.encoders.pretrained import Image, Transformer
from shelfspace.encoders.resnet import ResNet

ENCODERS: dict[str, type] = {
    "ids": Ids,
    "attributes": Attributes,
    "hashed": Hashed,
    "textcnn": TextCNN,
    "vectors": Vectors,
    "numbers": Numbers,
    "transformer": Transformer,
    "image": Image,
    "resnet": ResNet,
}
