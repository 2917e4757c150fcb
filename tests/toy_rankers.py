"""Small rankers and inputs for them."""

import torch

VIEWS = {"embedding": 6, "responses": 5, "source": 8}


def make(kind, **kwargs):
    torch.manual_seed(0)
    return kind(VIEWS, dataset_dim=8, width=16, heads=2, **kwargs).eval()


def inputs(models=7, lists=3, classes=4):
    return (
        torch.randn(lists, models, 19),
        torch.randn(lists, classes, 8),
        ["low_data", "fine_tuning", "low_data"][:lists],
    )
