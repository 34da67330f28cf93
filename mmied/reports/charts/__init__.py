"""Builders of the figures that pages and reports draw with plotly: records in, dictionaries out."""
