"""The labels that the dashboard of a model chooses by."""

from queries import Scope

s = Scope(("model", "scenario"))
