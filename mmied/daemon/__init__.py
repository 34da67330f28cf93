"""The supervisor that stays up and never imports torch."""
