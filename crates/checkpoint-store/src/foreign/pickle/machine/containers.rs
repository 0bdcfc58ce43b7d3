//! Tuples, lists, dictionaries and objects, and what is kept in them.

use super::super::values::{Global, Object, Tuple, Value};
use super::Machine;
use crate::Result;

/// Most whole numbers of a list that are kept: the places and sizes of a part of a tensor.
const MOST_NUMBERS: usize = 32;

impl Machine<'_> {
    pub(super) fn push_tuple(&mut self, count: usize) -> Result<()> {
        let items = self.pop_many(count)?;
        self.pay(2 * (count * size_of::<Value>()) as u64)?;
        let start = self.number(self.values.tuples.len())?;
        let len = self.number(count)?;
        self.values.tuples.extend(items);
        self.stack.push(Value::Tuple(Tuple { start, len }));
        Ok(())
    }

    pub(super) fn new_list(&mut self, items: Vec<Value>) -> Result<Value> {
        self.pay(64)?;
        let list = self.number(self.values.lists.len())?;
        self.values.lists.push(Vec::new());
        self.stack.push(Value::List(list));
        self.append(&items)?;
        self.pop()
    }

    pub(in super::super) fn new_dict(&mut self) -> Result<u32> {
        self.pay(64)?;
        let dict = self.number(self.values.dicts.len())?;
        self.values.dicts.push(Vec::new());
        Ok(dict)
    }

    pub(in super::super) fn new_object(&mut self, class: u32, arguments: Value) -> Result<Value> {
        self.pay(2 * size_of::<Object>() as u64)?;
        let object = self.number(self.values.objects.len())?;
        self.values.objects.push(Object {
            class,
            arguments,
            state: Value::Nothing,
            is_tensor: false,
            entries: None,
        });
        Ok(Value::Object(object))
    }

    /// A tensor of a class of its own, with what fills it.
    pub(in super::super) fn new_wrapper(
        &mut self,
        class: u32,
        arguments: Value,
        state: Value,
    ) -> Result<Value> {
        let object = self.new_object(class, arguments)?;
        self.pay(2 * size_of::<Value>() as u64)?;
        let start = self.number(self.values.tuples.len())?;
        self.values.tuples.push(state);
        if let Some(object) = self.values.objects.last_mut() {
            // As a tuple, so that nobody takes its fields for tensors of the model.
            object.state = Value::Tuple(Tuple { start, len: 1 });
            object.is_tensor = true;
        }
        Ok(object)
    }

    pub(super) fn new_global(&mut self, module: &str, name: &str) -> Result<Value> {
        self.refuse_attack(module, name)?;
        self.pay(2 * size_of::<Global>() as u64)?;
        let global = self.number(self.values.globals.len())?;
        let (module, name) = (self.intern(module)?, self.intern(name)?);
        self.values.globals.push(Global { module, name });
        Ok(Value::Global(global))
    }

    /// Fills the list on top. Numbers are let go but for the first few: long histories of them stand in
    /// checkpoints, and none is of use.
    pub(super) fn append(&mut self, items: &[Value]) -> Result<()> {
        let Value::List(list) = self.top()? else {
            // An object that acts as a list; what it holds is of no use.
            return Ok(());
        };
        let there = self.values.lists.get(list as usize).map_or(0, Vec::len);
        let kept = items
            .iter()
            .zip(there..)
            .filter(|(item, place)| match item {
                Value::Int(_) | Value::Float(_) => *place < MOST_NUMBERS,
                Value::Bool(_) | Value::Nothing | Value::Bytes(_) | Value::Skipped => false,
                _ => true,
            });
        let kept = kept.map(|(item, _)| *item);
        self.pay(2 * (kept.clone().count() * size_of::<Value>()) as u64)?;
        if let Some(list) = self.values.lists.get_mut(list as usize) {
            list.extend(kept);
        }
        Ok(())
    }

    /// Fills the dictionary on top with keys and values in turn.
    pub(super) fn set_items(&mut self, items: &[Value]) -> Result<()> {
        let dict = match self.top()? {
            Value::Dict(dict) => dict,
            Value::Object(object) => {
                let entries = self.values.objects.get(object as usize);
                match entries.and_then(|object| object.entries) {
                    Some(entries) => entries,
                    None => {
                        let entries = self.new_dict()?;
                        if let Some(object) = self.values.objects.get_mut(object as usize) {
                            object.entries = Some(entries);
                        }
                        entries
                    }
                }
            }
            _ => return Err(self.bad("fills something that is no dictionary")),
        };
        if !items.len().is_multiple_of(2) {
            return Err(self.bad("has a key without a value"));
        }
        let pairs = items.chunks_exact(2).filter_map(|pair| match *pair {
            [key, value] => Some((key, value)),
            _ => None,
        });
        // A number under a number is of no use.
        let kept = pairs.filter(|(key, value)| {
            matches!(key, Value::Text(_))
                || !matches!(
                    value,
                    Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::Nothing
                )
        });
        self.pay(4 * (kept.clone().count() * size_of::<Value>()) as u64)?;
        if let Some(dict) = self.values.dicts.get_mut(dict as usize) {
            dict.extend(kept);
        }
        Ok(())
    }

    /// Gives an object its fields.
    pub(super) fn set_state(&mut self, target: Value, state: Value) {
        let fields = match state {
            // Fields, and those in slots.
            Value::Tuple(tuple) => match *self.values.tuple(tuple) {
                [Value::Nothing, slots] => Some(slots),
                ref fields => fields.first().copied(),
            },
            state => Some(state),
        };
        if let (Value::Object(object), Some(fields)) = (target, fields)
            && let Some(object) = self.values.objects.get_mut(object as usize)
        {
            object.state = fields;
        }
    }
}
