"""What follows from a profile's figures: one function a rule, told apart by what they advise about."""
