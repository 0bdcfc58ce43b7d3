use super::*;

/// A deterministic matrix without structure.
fn noise(units: usize, examples: usize, seed: u64) -> DMatrix<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    DMatrix::from_fn(units, examples, |_, _| uniform())
}

fn representation(activations: &DMatrix<f32>) -> Representation {
    Representation::new(activations.as_view()).unwrap()
}

/// CKA by its definition in kernels: HSIC of centred Gram matrices.
fn kernel_cka(x: &DMatrix<f32>, y: &DMatrix<f32>) -> f64 {
    let n = x.ncols();
    let centring = DMatrix::<f64>::identity(n, n) - DMatrix::from_element(n, n, 1.0 / n as f64);
    let kernel = |x: &DMatrix<f32>| {
        let x = x.map(f64::from);
        &centring * (x.transpose() * x) * &centring
    };
    let (k, l) = (kernel(x), kernel(y));
    k.dot(&l) / (k.norm() * l.norm())
}

#[test]
fn cka_is_its_definition_in_kernels() {
    for (units, others, examples) in [(3, 5, 12), (8, 2, 30), (20, 20, 9)] {
        let x = noise(units, examples, 1);
        let y = noise(others, examples, 2).add_scalar(0.3);
        let (a, b) = (representation(&x), representation(&y));
        assert!((cka(&a, &b).unwrap() - kernel_cka(&x, &y)).abs() < 1e-9);
    }
}

#[test]
fn similarities_are_those_of_a_computation_in_numpy() {
    // x[i, j] = (7ij + 3i + 5j²) mod 23, y[i, j] = (5ij + 2i + 3j²) mod 19 + x[i, j] / 2.
    let x = DMatrix::from_fn(4, 40, |i, j| ((i * j * 7 + 3 * i + j * j * 5) % 23) as f32);
    let y = DMatrix::from_fn(3, 40, |i, j| {
        ((i * j * 5 + 2 * i + j * j * 3) % 19) as f32 + 0.5 * x[(i, j)]
    });
    let (a, b) = (representation(&x), representation(&y));
    assert!((cka(&a, &b).unwrap() - 0.353_414_034_369).abs() < 1e-11);
    assert!((svcca(&a, &b).unwrap() - 0.603_925_277_723).abs() < 1e-9);
}

#[test]
fn a_rotation_a_scale_and_a_shift_of_the_units_are_not_seen() {
    let x = noise(6, 40, 3);
    let rotation = noise(6, 6, 4).map(f64::from).qr().q();
    let turned = (rotation * x.map(f64::from) * 3.0).map(|v| (v + 2.0) as f32);
    let (a, b) = (representation(&x), representation(&turned));
    for similarity in [cka, svcca] {
        assert!((similarity(&a, &b).unwrap() - 1.0).abs() < 1e-5);
    }
    let other = representation(&noise(6, 40, 5));
    for similarity in [cka, svcca] {
        let (left, right) = (
            similarity(&a, &other).unwrap(),
            similarity(&b, &other).unwrap(),
        );
        assert!((left - right).abs() < 1e-5);
        assert!((similarity(&other, &a).unwrap() - left).abs() < 1e-12);
    }
}

#[test]
fn svcca_alone_does_not_see_units_scaled_one_by_one() {
    let x = noise(3, 60, 6);
    let scaled = DMatrix::from_fn(3, 60, |unit, example| {
        x[(unit, example)] * (1 + unit) as f32
    });
    let (a, b) = (representation(&x), representation(&scaled));
    assert!((svcca(&a, &b).unwrap() - 1.0).abs() < 1e-6);
    assert!(cka(&a, &b).unwrap() < 0.95);
}

#[test]
fn independent_activations_are_alike_by_bias_alone() {
    // More units than examples: CKA is near 1 where nothing is shared.
    let pairs = (0..20).map(|i| (noise(60, 20, 10 + i), noise(60, 20, 50 + i)));
    let mut biased = 0.0;
    for (x, y) in pairs {
        let (a, b) = (representation(&x), representation(&y));
        biased += cka(&a, &b).unwrap() / 20.0;
    }
    assert!(biased > 0.6, "{biased}");
}

#[test]
fn svcca_of_one_unit_is_the_absolute_correlation() {
    // By hand: deviations (-1.5, -.5, .5, 1.5) and (-1, 1, -1, 1): 2 / √(5 · 4).
    let x = DMatrix::from_row_slice(1, 4, &[1.0, 2.0, 3.0, 4.0]);
    let y = DMatrix::from_row_slice(1, 4, &[5.0, 3.0, 5.0, 3.0]);
    let (a, b) = (representation(&x), representation(&y));
    let correlation = 2.0 / 20.0_f64.sqrt();
    assert!((svcca(&a, &b).unwrap() - correlation).abs() < 1e-12);
    assert!((cka(&a, &b).unwrap() - correlation.powi(2)).abs() < 1e-12);
}

#[test]
fn directions_beyond_the_explained_variance_are_left_out() {
    let x = noise(2, 50, 7);
    let faint = DMatrix::from_fn(3, 50, |unit, example| match unit {
        2 => 0.01 * noise(1, 50, 8)[(0, example)],
        _ => x[(unit, example)],
    });
    assert_eq!(representation(&faint).directions.nrows(), 2);
}

#[test]
fn activations_that_say_nothing_are_refused() {
    let new = |x: &DMatrix<f32>| Representation::new(x.as_view()).map(|_| ());
    assert_eq!(new(&DMatrix::from_element(3, 9, 0.7)), Err(Error::Constant));
    assert_eq!(new(&DMatrix::zeros(3, 9)), Err(Error::Constant));
    assert_eq!(new(&DMatrix::zeros(0, 9)), Err(Error::Constant));
    assert!(matches!(
        new(&noise(3, 3, 1)),
        Err(Error::TooFewExamples { found: 3, .. })
    ));
    let mut bad = noise(3, 9, 1);
    bad[(1, 2)] = f32::NAN;
    assert!(matches!(
        new(&bad),
        Err(Error::NonFinite {
            column: 2,
            row: 1,
            ..
        })
    ));
    let (a, b) = (
        representation(&noise(3, 9, 1)),
        representation(&noise(3, 8, 1)),
    );
    let expected = Error::DifferentExamples { left: 9, right: 8 };
    assert_eq!(svcca(&a, &b), Err(expected));
}
