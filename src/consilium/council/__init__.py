"""The council: a patient in, a Consultation out."""

from consilium.council.consult import consult

__all__ = ["consult"]
