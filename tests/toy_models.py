"""Small networks to inspect."""

import torch
from torch import nn

from ptmrec.inspection.examples import Example


def perceptron(depth=3, width=16, activation=nn.ReLU, classes=3):
    layers = [nn.Linear(8, width), activation()]
    for _ in range(depth - 1):
        layers += [nn.Linear(width, width), activation()]
    return nn.Sequential(*layers, nn.Linear(width, classes))


def toy_example(model, batches=2, count=24, classes=3):
    generator = torch.Generator().manual_seed(0)
    made = []
    for _ in range(batches):
        inputs = torch.randn(count, 8, generator=generator)
        made.append((inputs, inputs[:, :classes].argmax(dim=1)))
    return Example("toy", model, made)
