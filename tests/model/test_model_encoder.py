import pytest
import torch

from ptmrec.model.model_encoder import AutoEncoder


@pytest.mark.parametrize("activation", ["gelu", "relu", "leaky_relu"])
@pytest.mark.parametrize("loss", ["mse", "smooth_l1"])
def test_autoencoder_learns_what_it_sees(activation, loss):
    torch.manual_seed(0)
    vectors = torch.randn(20, 3) @ torch.randn(3, 40) * 5 + 100
    model = AutoEncoder(40, 8, (16,), activation, 0.0, loss)
    model.fit_scaling(vectors)
    standard = model.standardise(vectors)
    torch.testing.assert_close(standard.mean(dim=0), torch.zeros(40), atol=1e-4, rtol=0)
    torch.testing.assert_close(standard.std(dim=0, correction=0), torch.ones(40), atol=1e-3, rtol=0)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    errors = []
    for _ in range(150):
        codes, reconstructed = model(vectors)
        error = model.reconstruction_error(reconstructed, vectors)
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
        errors.append(error.item())
    assert codes.shape == (20, 8)
    assert errors[-1] < 0.3 * errors[0]
    assert torch.equal(model.encode(vectors), model(vectors)[0])


def test_autoencoder_bounds_inputs_it_has_never_seen():
    model = AutoEncoder(10, 4, (8,))
    model.fit_scaling(torch.zeros(5, 10))
    assert model.standardise(torch.full((1, 10), 1e9)).max() == 10
