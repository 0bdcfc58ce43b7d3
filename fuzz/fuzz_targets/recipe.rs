#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Ok(recipe) = zoo_training::Recipe::from_toml(text) {
        let _ = recipe.validate();
    }
});
