"""Specialists: one folder each (card, README, examples, model, report); the roster finds, seats, fits and validates them."""

from consilium.specialists.roster import Roster, Specialist, Standing, roster

__all__ = ["Roster", "Specialist", "Standing", "roster"]
