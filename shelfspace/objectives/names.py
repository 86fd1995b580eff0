"""The objectives by the names that a settings file uses."""

from shelfspace.objectives.align_uniform import AlignmentUniformity
from shelfspace.objectives.barlow import BarlowTwins
from shelfspace.objectives.bce import BinaryCrossEntropy
from shelfspace.objectives.bpr import BPR
from shelfspace.objectives.byol import BYOL
from shelfspace.objectives.cooccurrence import CosineRegression
from shelfspace.objectives.infonce import InfoNCE
from shelfspace.objectives.moco import MoCo
from shelfspace.objectives.pairwise import PairwiseLogistic
from shelfspace.objectives.reconstruction import MaskedReconstruction
from shelfspace.objectives.siglip import SigLIP
from shelfspace.objectives.softmax import FullSoftmax
from shelfspace.objectives.supcon import SupervisedContrastive
from shelfspace.objectives.triplet import Triplet
from shelfspace.objectives.vicreg import VICReg

OBJECTIVES: dict[str, type] = {
    "infonce": InfoNCE,
    "softmax": FullSoftmax,
    "pairwise_logistic": PairwiseLogistic,
    "bpr": BPR,
    "bce": BinaryCrossEntropy,
    "sigmoid": SigLIP,
    "triplet": Triplet,
    "supervised_contrastive": SupervisedContrastive,
    "alignment_uniformity": AlignmentUniformity,
    "barlow_twins": BarlowTwins,
    "vicreg": VICReg,
    "byol": BYOL,
    "moco": MoCo,
    "cosine_regression": CosineRegression,
    "masked_reconstruction": MaskedReconstruction,
}
