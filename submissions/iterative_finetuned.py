"""Iterative magnitude pruning with fine-tuning: prune a little, train the survivors, repeat."""
import torch
import torch.nn.functional as F

from assignment import compute_error, device, get_sparsity, train_loader, validation_loader

SCHEDULE = [0.6, 0.8, 0.9, 0.93]


def make_masks(model, sparsity):
    # one threshold per layer: a global one would wipe out the first layer, whose weights are smaller
    masks = {}
    for name, param in model.named_parameters():
        if "weight" in name:
            k = int(sparsity * param.numel())
            threshold = param.detach().abs().flatten().kthvalue(k).values
            masks[name] = (param.detach().abs() > threshold).float()
    return masks


def apply_masks(model, masks):
    with torch.no_grad():
        for name, param in model.named_parameters():
            if name in masks:
                param.mul_(masks[name])
        # a hidden unit that nothing leaves is dead: its incoming weights and bias can go as well
        dead = (model.layers[2].weight == 0).all(dim=0)
        model.layers[0].weight[dead] = 0
        model.layers[0].bias[dead] = 0


def fine_tune(model, masks, epochs, lr):
    loader = train_loader(batch_size=256)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))
    for _ in range(epochs):
        for x, y in loader:
            optimizer.zero_grad()
            F.mse_loss(model(x.to(device)), y.to(device)).backward()
            optimizer.step()
            schedule.step()
            apply_masks(model, masks)


def prune(model):
    model.train()
    for i, sparsity in enumerate(SCHEDULE):
        masks = make_masks(model, sparsity)
        apply_masks(model, masks)
        fine_tune(model, masks, epochs=10 if i == len(SCHEDULE) - 1 else 3, lr=0.01)
        print(f"sparsity {get_sparsity(model):.4f}  mse {compute_error(model, validation_loader()):.2f}")
    return model.eval()
