"""consilium: clinical decision support from raw records to a validated, explained consultation. Not a medical device."""

from __future__ import annotations
