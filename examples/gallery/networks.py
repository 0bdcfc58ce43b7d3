"""The networks of the gallery: small, but built as their large relatives are."""

import math

import torch
from torch import nn
from torch.nn import functional

TOKENS, CONTEXT = 96, 64


class Attention(nn.Module):
    """Query, key and value from one matrix, as in GPT-2."""

    def __init__(self, width, heads, dropout, causal):
        super().__init__()
        self.heads, self.dropout, self.causal = heads, dropout, causal
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        rows, length, width = x.shape
        q, k, v = self.qkv(x).view(rows, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        x = functional.scaled_dot_product_attention(q, k, v, None, dropout, self.causal)
        return self.proj(x.transpose(1, 2).reshape(rows, length, width))


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc = nn.Linear(width, hidden)
        self.proj = nn.Linear(hidden, width)

    def forward(self, x):
        return self.proj(functional.gelu(self.fc(x)))


class Block(nn.Module):
    """A transformer's layer, normalised before each half."""

    def __init__(self, width, heads, dropout=0.0, causal=True):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads, dropout, causal)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, 4 * width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.drop(self.attn(self.ln_1(x)))
        return x + self.drop(self.mlp(self.ln_2(x)))


def as_gpt2(model, layers):
    """Starts the matrices as GPT-2's: small, and smaller where they end in the residual stream."""
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Embedding)):
            last = name.endswith((".proj", "o_proj", "down_proj"))
            small = math.sqrt(2 * layers) if last else 1.0
            nn.init.normal_(module.weight, std=0.05 / small)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


class Gpt(nn.Module):
    def __init__(self, width=64, layers=2, heads=4):
        super().__init__()
        self.wte = nn.Embedding(TOKENS, width)
        self.wpe = nn.Embedding(CONTEXT, width)
        self.h = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, TOKENS, bias=False)
        as_gpt2(self, layers)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))


class LlamaAttention(nn.Module):
    """Positions are turns of queries and keys; two heads share each key and value."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width, bias=False)
        self.k_proj = nn.Linear(width, width // 2, bias=False)
        self.v_proj = nn.Linear(width, width // 2, bias=False)
        self.o_proj = nn.Linear(width, width, bias=False)

    def forward(self, x, cos, sin):
        rows, length, width = x.shape

        def by_head(x):
            return x.view(rows, length, -1, width // self.heads).transpose(1, 2)

        def turned(x):
            half, other = x.chunk(2, -1)
            return torch.cat((half * cos - other * sin, other * cos + half * sin), -1)

        q, k, v = by_head(self.q_proj(x)), by_head(self.k_proj(x)), by_head(self.v_proj(x))
        k, v = turned(k).repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        x = functional.scaled_dot_product_attention(turned(q), k, v, is_causal=True)
        return self.o_proj(x.transpose(1, 2).reshape(rows, length, width))


class GatedMlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.gate_proj = nn.Linear(width, hidden, bias=False)
        self.up_proj = nn.Linear(width, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, width, bias=False)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class LlamaBlock(nn.Module):
    def __init__(self, width, heads, mlp):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(width, eps=1e-6)
        self.self_attn = LlamaAttention(width, heads)
        self.post_attention_layernorm = nn.RMSNorm(width, eps=1e-6)
        self.mlp = mlp

    def forward(self, x, cos, sin):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """With `experts`, a mixture of them in each layer, as in Mixtral."""

    def __init__(self, width=64, layers=2, heads=4, hidden=160, experts=0):
        super().__init__()
        self.embed_tokens = nn.Embedding(TOKENS, width)
        self.layers = nn.ModuleList(
            LlamaBlock(
                width,
                heads,
                Experts(width, hidden, experts) if experts else GatedMlp(width, hidden),
            )
            for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width, eps=1e-6)
        self.lm_head = nn.Linear(width, TOKENS, bias=False)
        as_gpt2(self, layers)
        half = width // heads // 2
        angles = torch.arange(CONTEXT)[:, None] / 1000.0 ** (torch.arange(half) / half)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, tokens):
        x = self.embed_tokens(tokens)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return self.lm_head(self.norm(x))


class Experts(nn.Module):
    """A mixture of experts in place of the MLP: each token goes to the two that its gate prefers."""

    def __init__(self, width, hidden, experts):
        super().__init__()
        self.gate = nn.Linear(width, experts, bias=False)
        self.experts = nn.ModuleList(GatedMlp(width, hidden) for _ in range(experts))

    def forward(self, x):
        flat = x.reshape(-1, x.shape[-1])
        chance = self.gate(flat).softmax(-1)
        weights, chosen = chance.topk(2)
        weights = weights / weights.sum(-1, keepdim=True)
        out = torch.zeros_like(flat)
        for number, expert in enumerate(self.experts):
            token, place = (chosen == number).nonzero(as_tuple=True)
            out = out.index_add(0, token, expert(flat[token]) * weights[token, place, None])
        # The term that keeps the experts equally busy (Switch Transformer).
        busy = functional.one_hot(chosen, len(self.experts)).float().mean((0, 1))
        self.balance = len(self.experts) * (busy * chance.mean(0)).sum()
        return out.view_as(x)


class Vit(nn.Module):
    """Patches of 2x2 pixels; a class token is read at the end."""

    def __init__(self, width=64, layers=2, heads=4, dropout=0.0):
        super().__init__()
        self.patch_embed = nn.Conv2d(1, width, 2, 2)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 50, width))
        self.blocks = nn.ModuleList(Block(width, heads, dropout, False) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        x = self.patch_embed(images.view(-1, 1, 14, 14)).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(len(x), -1, -1), x), 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x[:, 0]))


class MixerBlock(nn.Module):
    def __init__(self, width, tokens):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.mlp_tokens = Mlp(tokens, 2 * tokens)
        self.norm2 = nn.LayerNorm(width)
        self.mlp_channels = Mlp(width, 3 * width)

    def forward(self, x):
        x = x + self.mlp_tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mlp_channels(self.norm2(x))


class Mixer(nn.Module):
    def __init__(self, width=64, layers=2):
        super().__init__()
        self.stem = nn.Conv2d(1, width, 2, 2)
        self.blocks = nn.ModuleList(MixerBlock(width, 49) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        x = self.stem(images.view(-1, 1, 14, 14)).flatten(2).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


class WideMlp(nn.Module):
    """Residual and wide: a million weights that cost little."""

    def __init__(self, width=512, layers=2):
        super().__init__()
        self.inputs = nn.Linear(196, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(layers))
        self.layers = nn.ModuleList(Mlp(width, width) for _ in range(layers))
        self.head = nn.Linear(width, 10)

    def forward(self, images):
        x = self.inputs(images)
        for norm, layer in zip(self.norms, self.layers):
            x = x + layer(norm(x))
        return self.head(functional.gelu(x))


class BasicBlock(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.downsample = None
        if stride > 1:
            self.downsample = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        return functional.relu(y + (self.downsample(x) if self.downsample else x))


class ResNet(nn.Module):
    def __init__(self, width=16, first=1):
        super().__init__()
        self.conv1 = nn.Conv2d(1, width, 3, first, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = BasicBlock(width, width, 1)
        self.layer2 = BasicBlock(width, 2 * width, 2)
        self.layer3 = BasicBlock(2 * width, 4 * width, 2)
        self.fc = nn.Linear(4 * width, 10)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images):
        x = functional.relu(self.bn1(self.conv1(images.view(-1, 1, 14, 14))))
        return self.fc(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))


class Gru(nn.Module):
    def __init__(self, width=128):
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, 48)
        self.rnn = nn.GRU(48, width, batch_first=True)
        self.decoder = nn.Linear(width, TOKENS)

    def forward(self, tokens):
        return self.decoder(self.rnn(self.embedding(tokens))[0])


def convolutions(inside, outside, stride=1):
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, 1), nn.GroupNorm(4, outside), nn.SiLU(),
        nn.Conv2d(outside, outside, 3, 1, 1), nn.GroupNorm(4, outside), nn.SiLU(),
    )  # fmt: skip


class Unet(nn.Module):
    """Two steps down, two up, with shortcuts."""

    def __init__(self, width=12):
        super().__init__()
        self.stem = convolutions(1, width)
        self.down1 = convolutions(width, 2 * width, 2)
        self.down2 = convolutions(2 * width, 4 * width, 2)
        self.up1 = convolutions(6 * width, 2 * width)
        self.up2 = convolutions(3 * width, width)
        self.out = nn.Conv2d(width, 1, 1)

    def forward(self, images):
        full = self.stem(images.view(-1, 1, 14, 14))
        half = self.down1(full)
        quarter = self.down2(half)
        half = self.up1(torch.cat((functional.interpolate(quarter, size=7), half), 1))
        full = self.up2(torch.cat((functional.interpolate(half, size=14), full), 1))
        return self.out(full).flatten(1)


class LoraLinear(nn.Module):
    """A linear layer that stays, and a trained update of low rank beside it."""

    def __init__(self, layer, rank=4, alpha=8):
        super().__init__()
        self.base_layer = layer.requires_grad_(False)
        self.lora_A = nn.Parameter(torch.empty(rank, layer.in_features))
        self.lora_B = nn.Parameter(torch.zeros(layer.out_features, rank))
        nn.init.kaiming_uniform_(self.lora_A, a=math.sqrt(5))
        self.scaling = alpha / rank

    def forward(self, x):
        return self.base_layer(x) + x @ self.lora_A.T @ self.lora_B.T * self.scaling


def with_lora(model):
    """The model with an adapter on every matrix inside its blocks; nothing else is trained."""
    model.requires_grad_(False)
    for module in list(model.layers.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, nn.Linear):
                setattr(module, name, LoraLinear(layer))
    return model


@torch.no_grad()
def merged(model):
    """The state dict as of a model without adapters: each update is added to its matrix."""
    state = model.state_dict()
    for name, module in model.named_modules():
        if isinstance(module, LoraLinear):
            update = module.scaling * (state.pop(f"{name}.lora_B") @ state.pop(f"{name}.lora_A"))
            state[f"{name}.weight"] = state.pop(f"{name}.base_layer.weight") + update
            if module.base_layer.bias is not None:
                state[f"{name}.bias"] = state.pop(f"{name}.base_layer.bias")
    return state
