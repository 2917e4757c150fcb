"""Adding models from anywhere: each is opened, run once, and written down for :func:`ptmrec.recommend`."""

import time
from functools import cached_property

import numpy as np

from ptmrec.config.parser import ConfigParser
from ptmrec.config.sections import PathsConfig
from ptmrec.core.errors import ArtifactError
from ptmrec.dataloader.model_datasets import KNOWLEDGE, find_recommender
from ptmrec.recommender.knowledge_files import read_knowledge
from ptmrec.recommender.references import References
from ptmrec.recommender.registered import REGISTERED, write_registered
from ptmrec.recommender.registration import Registrar
from ptmrec.zoo.hub import HubSnapshot
from ptmrec.zoo.sources import open_source


class Adder:
    """Adds models one at a time; what all of them need is made once.

    Args:
        config: the configuration.
        random_weights: give models of timm and open_clip random weights.
    """

    def __init__(self, config: ConfigParser, random_weights: bool = False) -> None:
        self.config, self.random_weights = config, random_weights
        self.paths = config.get(PathsConfig)

    @cached_property
    def registrar(self) -> Registrar:
        """Made when the first model is there to run: a wrong name is told at once."""
        knowledge = read_knowledge(find_recommender(self.paths) / KNOWLEDGE)
        return Registrar(knowledge, References(self.config), self.config)

    def add(self, source: str) -> str:
        """Add the model of one source.

        Returns:
            A line for people: the model, how long it took, and how much of it the references explain.

        Raises:
            PtmrecError: it cannot be opened or run; nothing is written then.
        """
        started, folder = time.perf_counter(), self.paths.artifacts / REGISTERED
        snapshot = open_source(source, self.paths, self.random_weights)
        if isinstance(snapshot, HubSnapshot) and snapshot.problem:
            write_registered(folder, snapshot)
            return f"{snapshot.name} is ranked by its card only: {snapshot.problem}"
        found = self.registrar.run(snapshot)
        if not np.isfinite(found["explained"]) or not np.isfinite(found["transport"]).all():
            raise ArtifactError(f"{source}: its features are not finite; its weights are damaged, fetch them again")
        write_registered(folder, snapshot, found)
        seconds, share = time.perf_counter() - started, float(found["explained"])
        untrained = " (untrained)" if isinstance(snapshot, HubSnapshot) and snapshot.untrained else ""
        what = f"the references explain {share:.0%} of its features"
        return f"{snapshot.name}{untrained} added in {seconds:.0f} s; {what}"
