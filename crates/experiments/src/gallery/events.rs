//! The events of the gallery: what a detector should say of each, and how often it should find it.

use trajectory::shift::Cause;

/// Something that happens to a training.
pub(super) struct Event {
    /// What it is called in the gallery.
    pub(super) name: &'static str,
    /// What it is called in tables.
    pub(super) title: &'static str,
    /// What a detector should say; nothing where nothing changed.
    pub(super) cause: Named,
    /// The share that is to be found at the first checkpoint, if there is such an aim.
    pub(super) aim: Option<f64>,
}

/// What is a right answer.
pub(super) enum Named {
    /// Nothing changed.
    Nothing,
    /// This cause.
    Cause(Cause),
    /// Weights alone have no name for it.
    None,
}

const fn event(name: &'static str, title: &'static str, cause: Named, aim: Option<f64>) -> Event {
    Event {
        name,
        title,
        cause,
        aim,
    }
}

const DATA: Named = Named::Cause(Cause::Data);

/// All of them, those in which nothing changed first.
pub(super) const EVENTS: [Event; 19] = [
    event("resume", "resumed", Named::Nothing, None),
    event("shuffle", "another shuffle", Named::Nothing, None),
    event("shift-strong", "other data", DATA, Some(0.99)),
    event("shift-mild", "20 % other data", DATA, Some(0.8)),
    event("noise-20", "20 % of the labels wrong", DATA, Some(0.9)),
    event("noise-5", "5 % of the labels wrong", DATA, None),
    event("dropped-class", "a class dropped", DATA, None),
    event("poison-3", "3 % poisoned", DATA, None),
    event(
        "rate-x3",
        "learning rate x 3",
        Named::Cause(Cause::RateUp),
        Some(0.95),
    ),
    event(
        "rate-div3",
        "learning rate ÷ 3",
        Named::Cause(Cause::RateDown),
        Some(0.95),
    ),
    event(
        "rate-div10",
        "learning rate ÷ 10",
        Named::Cause(Cause::RateDown),
        None,
    ),
    event(
        "batch-x4",
        "batch x 4",
        Named::Cause(Cause::Batch),
        Some(0.8),
    ),
    event(
        "frozen",
        "half of the layers frozen",
        Named::Cause(Cause::Frozen),
        Some(1.0),
    ),
    event(
        "spike",
        "one bad batch",
        Named::Cause(Cause::Spike),
        Some(0.99),
    ),
    event(
        "older",
        "continued from an older checkpoint",
        Named::Cause(Cause::WentBack),
        None,
    ),
    event(
        "merged",
        "averaged with an older checkpoint",
        Named::Cause(Cause::Merged),
        None,
    ),
    event("rounded", "weights rounded", Named::None, None),
    event("decay-x10", "weight decay x 10", Named::None, None),
    event(
        "optimiser-lost",
        "optimiser's state lost",
        Named::None,
        None,
    ),
];
