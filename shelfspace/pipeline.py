"""From a shop's files to a space that answers: the only file that knows all the parts."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import tomlkit

from shelfspace import config as settings
from shelfspace.blend import Mode
from shelfspace.errors import GateError, InputError
from shelfspace.evaluation.choosing import (
    Chosen,
    Model,
    Told,
    alone,
    blend_of,
    choose,
    fit_all,
    models_of,
    reweighted,
    weighed,
)
from shelfspace.evaluation.gate import Gate, Measured, judge, write_gate
from shelfspace.evaluation.measure import Scorer, measure
from shelfspace.evaluation.report import write_report
from shelfspace.index import open_index
from shelfspace.linear.vectors import VectorKNN
from shelfspace.shop.cases import Cases
from shelfspace.shop.check import Check, write_page
from shelfspace.shop.reading import read_shop, require_trainable
from shelfspace.shop.shop import Shop
from shelfspace.shop.splits import split
from shelfspace.space import Space
