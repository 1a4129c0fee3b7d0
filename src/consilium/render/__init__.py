"""Render: one Consultation as text, JSON, FHIR, CDS Hooks cards and a page; never a method of a noun."""
