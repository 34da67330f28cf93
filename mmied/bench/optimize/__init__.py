"""Ways to make a model smaller or quicker, each on a private copy and with proof that something changed."""
