"""The pages and endpoints that show the records."""
