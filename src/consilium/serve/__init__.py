"""Serve: the consultation over HTTP, for people (pages), for machines (JSON, FHIR) and for records systems (CDS Hooks)."""

from consilium.serve.app import app
from consilium.serve.archive import Archive

__all__ = ["Archive", "app"]
