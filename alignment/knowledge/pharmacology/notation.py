"""How the files of this folder write pharmacology down: families of drugs, each with what its members share."""

from __future__ import annotations

import dataclasses

from alignment.knowledge.schema import (
    GENERAL,
    AdverseEffect,
    Contraindication,
    Drug,
    DrugClass,
    Indication,
)

CENTRAL = "DrugCentral"
LABEL = "FDA prescribing information"


@dataclasses.dataclass(frozen=True)
class Agent:
    """One drug of a family: its uses, what rules it out and what it does beyond the rest of its family.

    `uses` share the source of the drug; `also` are uses that rest on general knowledge.
    """

    name: str
    uses: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    source: str = CENTRAL
    rules_out: tuple[Contraindication, ...] = ()
    effects: tuple[tuple[str, str], ...] = ()  # (effect, source)
    known_for: tuple[str, ...] = ()  # hallmarks


@dataclasses.dataclass(frozen=True)
class Family:
    """A pharmacological class with its drugs; without a mechanism it is a class that the base has already.

    Drugs named in `agents` that the base has already keep their class and gain the facts written here.
    """

    name: str
    mechanism: str
    agents: tuple[Agent, ...]
    rules_out: tuple[Contraindication, ...] = ()
    effects: tuple[tuple[str, str], ...] = ()
    known_for: tuple[str, ...] = ()

    def drug_class(self) -> DrugClass:
        """The class by itself."""
        return DrugClass(self.name, self.mechanism, GENERAL)

    def drugs(self) -> list[Drug]:
        """The drugs, each with the contraindications of the family and its own."""
        return [Drug(a.name, self.name, a.source, merged(self.rules_out, a.rules_out)) for a in self.agents]

    def indications(self) -> list[Indication]:
        """What each drug is used for."""
        central = [Indication(agent.name, use, agent.source) for agent in self.agents for use in agent.uses]
        return central + [Indication(agent.name, use, GENERAL) for agent in self.agents for use in agent.also]

    def adverse_effects(self) -> list[AdverseEffect]:
        """What the class does, then what single drugs do."""
        of_class = _effects(self.name, self.effects, self.known_for)
        return of_class + [effect for a in self.agents for effect in _effects(a.name, a.effects, a.known_for)]


def _effects(subject: str, effects: tuple[tuple[str, str], ...], known_for: tuple[str, ...]) -> list[AdverseEffect]:
    hallmarks = [AdverseEffect(subject, effect, True, GENERAL) for effect in known_for]
    return hallmarks + [AdverseEffect(subject, effect, False, source) for effect, source in effects]


def merged(first: tuple[Contraindication, ...], second: tuple[Contraindication, ...]) -> tuple[Contraindication, ...]:
    """Return both lists with every factor once; where both name it, the first does."""
    named = {contraindication.factor for contraindication in first}
    return first + tuple(contraindication for contraindication in second if contraindication.factor not in named)


def agent(
    name: str,
    *uses: str,
    also: tuple[str, ...] = (),
    source: str = CENTRAL,
    no: tuple[Contraindication, ...] = (),
    effects: tuple[tuple[str, str], ...] = (),
    known_for: tuple[str, ...] = (),
) -> Agent:
    """Return an `Agent`; `no` is short for what rules it out."""
    return Agent(name, uses, also, source, no, effects, known_for)


def no(*factors: str, source: str = GENERAL) -> tuple[Contraindication, ...]:
    """Return `factors` as contraindications."""
    return tuple(Contraindication(factor, source) for factor in factors)


def can(*effects: str, source: str = GENERAL) -> tuple[tuple[str, str], ...]:
    """Return `effects` that are seen but are not hallmarks."""
    return tuple((effect, source) for effect in effects)
