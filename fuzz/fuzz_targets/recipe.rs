#![no_main]

use zoo_training::Recipe;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let recipe = match Recipe::from_toml(text) {
        Ok(recipe) => recipe,
        Err(error) => return drop(error.to_string()),
    };
    match recipe.validate() {
        // A store keeps it as text.
        Ok(()) => assert_eq!(Recipe::from_toml(&recipe.to_toml()).ok(), Some(recipe)),
        Err(error) => drop(error.to_string()),
    }
});
