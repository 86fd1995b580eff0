"""The tasks that photos set by themselves, as terms of a run's loss. N items, P further photos."""

import numpy as np
import numpy.typing as npt

from shelfspace.config import build
from shelfspace.encoders.photo import PhotoModule
from shelfspace.errors import ConfigError, did_you_mean
from shelfspace.learning.settings import LearningPlan
from shelfspace.learning.towers import Made
from shelfspace.training.pretexts import PRETEXTS, PretextTerm


def pretext_terms(plan: LearningPlan, made: Made, known: npt.NDArray[np.bool_]) -> list[PretextTerm]:
    """Return a term for each task of the plan, over the photos of the tower's rows that are known, bool [N + P].

    Raises:
        ConfigError: no field of photos is trained here, or several are and none is named.
    """
    found = []
    for aim, section in plan.pretexts:
        field = _field(section.get("field"), str(section["use"]), made)
        encoder = made.model.item.encoder(field)
        assert isinstance(encoder, PhotoModule)
        objective = build(PRETEXTS, section, encoder.num_features, path="objectives")
        there = made.model.item.held[field].present.numpy()
        rows = np.flatnonzero(there & known)
        found.append(PretextTerm(objective, field, rows, objective.shown, aim.weight, aim.batch_size))
    return found


def _field(name: str | None, use: str, made: Made) -> str:
    """Return the field of photos that is meant."""
    photos = [n for n in made.model.item.names if isinstance(made.model.item.encoder(n), PhotoModule)]
    if name is None and len(photos) == 1:
        return photos[0]
    if name is not None and name in photos:
        return name
    said = f"field = {name!r}{did_you_mean(name, photos)}" if name is not None else "field: there are several"
    if not photos:
        said = 'a field of photos that is trained here, such as [encoders.photo] use = "resnet"'
    raise ConfigError(f'[[objectives]] use = "{use}" needs {said}; trained photos: {photos}')
