"""Configuration: layers of values with their origins, one validated model, one resolved document."""
