"""The recommender: ranks models for a user's images."""
