"""One training: it steps, tells how it goes, and can be brought back to an earlier state."""

import copy

import torch
from data import Batches
from kinds import balance_of, loss_of
from networks import with_lora
from torch import nn


class Training:
    LOGGING = 10

    def __init__(self, kind, seed, data, held_out, total):
        self.kind, self.seed, self.total = kind, seed, total
        self.data, self.held_out = data, held_out
        torch.manual_seed(seed)
        self.model = kind.network()
        if kind.before:
            self.train_before(*kind.before)
        if kind.adapters:
            with_lora(self.model)
        self.trained = {n: w for n, w in self.model.named_parameters() if w.requires_grad}
        self.step, self.log, self.logged = 0, [], []
        self.batches = Batches(len(data), seed)
        self.set_up()
        self.ema = None
        if kind.ema:
            self.ema = copy.deepcopy(self.model.state_dict())

    def set_up(self):
        """Everything that an event can change, as it is without one."""
        self.batch, self.spike, self.epoch_rows = self.kind.batch, None, len(self.data)
        for weights in self.trained.values():
            weights.requires_grad_(True)
            weights.grad = None
        self.optimiser = self.kind.optimiser(self.model)
        self.schedule = self.kind.schedule(self.optimiser, self.total)
        self.scaler = torch.amp.GradScaler("cpu", enabled=self.kind.precision is torch.float16)

    def train_before(self, load, steps):
        """What the base of a fine-tune has learned."""
        data, _ = load().parted()
        optimiser = torch.optim.AdamW(self.model.parameters(), 2e-3, fused=True)
        batches = Batches(len(data), self.seed)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = 2e-3 * min(1.0, (step + 1) / 20, (steps - step) / (steps / 2))
            part = data[batches(self.kind.batch)]
            optimiser.zero_grad()
            loss_of(self.kind, self.model, part.inputs, part.targets).backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimiser.step()

    def state(self):
        return copy.deepcopy(
            {
                "model": self.model.state_dict(),
                "optimiser": self.optimiser.state_dict(),
                "schedule": self.schedule.state_dict(),
                "scaler": self.scaler.state_dict(),
                "ema": self.ema,
                "chance": torch.get_rng_state(),
                "position": self.batches.position,
                "step": self.step,
                "log": self.log,
                "logged": self.logged,
            }
        )

    def load(self, state, data):
        state = copy.deepcopy(state)
        self.data = data
        self.set_up()
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.schedule.load_state_dict(state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        self.ema, self.step = state["ema"], state["step"]
        self.log, self.logged = state["log"], state["logged"]
        self.batches = Batches(len(data), self.seed, state["position"])
        torch.set_rng_state(state["chance"])

    @property
    def epoch(self):
        return self.step * self.kind.batch / self.epoch_rows

    def drawn(self):
        """The next batch, with what is done to images as they are read."""
        part = self.data[self.batches(self.batch)]
        inputs = part.inputs
        if part.targets.is_floating_point():
            inputs = inputs + torch.randn_like(inputs)
        elif self.kind.moved:
            place = torch.randint(0, 3, (2, len(inputs), 1)) + torch.arange(14)
            padded = nn.functional.pad(inputs.view(-1, 14, 14), (1, 1, 1, 1), value=float(inputs.min()))
            row = torch.arange(len(inputs))[:, None, None]
            inputs = padded[row, place[0][:, :, None], place[1][:, None, :]].flatten(1)
        return inputs, part.targets

    def loss(self, inputs, targets):
        precision = self.kind.precision
        with torch.autocast("cpu", precision or torch.bfloat16, enabled=precision is not None):
            return loss_of(self.kind, self.model, inputs, targets)

    def one_step(self):
        """The loss, the norm of the gradient before it is clipped, and the rate of this step."""
        self.model.train()
        spiked = self.spike == self.step + 1
        loss = self.loss(*self.drawn())
        self.optimiser.zero_grad()
        self.scaler.scale(loss + balance_of(self.model)).backward()
        self.scaler.unscale_(self.optimiser)
        clip = self.kind.clip
        if spiked and self.kind.spike == "gradient x30":
            torch._foreach_mul_([w.grad for w in self.trained.values() if w.grad is not None], 30.0)
            clip = float("inf")
        norm = nn.utils.clip_grad_norm_(self.trained.values(), clip)
        rates = [group["lr"] for group in self.optimiser.param_groups]
        if spiked and self.kind.spike == "rate x30":
            for group in self.optimiser.param_groups:
                group["lr"] *= 30.0
        rate = self.optimiser.param_groups[0]["lr"]
        self.scaler.step(self.optimiser)
        self.scaler.update()
        for group, usual in zip(self.optimiser.param_groups, rates):
            group["lr"] = usual
        self.schedule.step()
        self.step += 1
        if self.ema:
            for name, weights in self.model.state_dict().items():
                self.ema[name].lerp_(weights, 1 - self.kind.ema)
        return float(loss.detach()), float(norm), rate

    def advance(self, steps):
        """Trains on; what a checkpoint's entry says but where it lies."""
        losses, norms = [], []
        for number in range(steps):
            if number == steps - 1:
                before = {name: weights.detach().clone() for name, weights in self.trained.items()}
            loss, norm, rate = self.one_step()
            losses.append(loss)
            norms.append(norm)
            self.logged.append(loss)
            if self.step % self.LOGGING == 0:
                entry = {
                    "epoch": self.epoch,
                    "grad_norm": norm,
                    "learning_rate": rate,
                    "loss": round(sum(self.logged) / len(self.logged), 4),
                    "step": self.step,
                }
                self.log, self.logged = self.log + [entry], []
        finite = [norm for norm in norms if norm < float("inf")]
        updates = [
            float((self.trained[name].detach() - old).norm() / old.norm())
            for name, old in before.items()
            if self.trained[name].requires_grad and old.norm() > 0
        ]
        return {
            "step": self.step,
            "loss": sum(losses) / len(losses),
            "validation_loss": self.validation_loss(),
            "gradient_norm": sum(finite) / max(1, len(finite)),
            "learning_rate": rate,
            "update_to_weight": sum(updates) / len(updates),
        }

    @torch.no_grad()
    def validation_loss(self):
        """On the base's own held-out examples, whatever is trained on."""
        self.model.eval()
        loss = self.loss(self.held_out.inputs, self.held_out.targets)
        return float(loss)
