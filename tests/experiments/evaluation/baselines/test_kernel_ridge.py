import numpy as np
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from experiments.evaluation.baselines.kernel_ridge import PENALTIES, best_penalty


def test_the_penalty_is_that_of_the_least_left_out_error():
    generator = np.random.default_rng(0)
    tokens = generator.normal(size=(9, 4))
    skills = tokens @ generator.normal(size=(4, 5)) + generator.normal(size=(9, 5))
    errors = [
        ((cross_val_predict(KernelRidge(alpha=alpha), tokens, skills, cv=LeaveOneOut()) - skills) ** 2).mean()
        for alpha in PENALTIES
    ]
    assert best_penalty(tokens @ tokens.T, skills) == PENALTIES[int(np.argmin(errors))]
