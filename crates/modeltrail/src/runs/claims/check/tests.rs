use super::*;
use crate::collection::{From, Member, RunClaim};
use std::path::PathBuf;
use trajectory::ordering::Direction;

/// A run whose order is that of the claims given: run and step, with edges of one confidence. Whether
/// there is an unrelated run whose checkpoints claim to be of run b.
fn checked(claims: &[(&str, u64)], edge: f64, has_other: bool) -> Run {
    let members: Vec<Member> = claims
        .iter()
        .map(|&(run, value)| Member {
            name: format!("{run}-{value}"),
            path: PathBuf::new(),
            claims: Claims {
                run: Some(RunClaim {
                    value: run.to_owned(),
                    from: From::FileName,
                }),
                position: Some(PositionClaim {
                    value,
                    unit: Unit::Step,
                    from: From::FileName,
                }),
                aside: None,
            },
            aside: None,
            identity: 0,
            view: None,
        })
        .collect();
    let count = members.len();
    let place = |(member, about)| Place {
        member,
        about,
        copies: Vec::new(),
        next: (member + 1 < count).then_some(edge),
        contradictions: Vec::new(),
    };
    let mut run = Run {
        places: members.into_iter().enumerate().map(place).collect(),
        is_ordered: true,
        direction: Direction::Undirected,
        confidence: 0.5,
        claimed: None,
        mixed: Vec::new(),
        agreement: Agreement::default(),
        geometry: trajectory::geometry::Geometry::default(),
        gaps: Vec::new(),
        events: Vec::new(),
    };
    let elsewhere = if has_other { &["b"][..] } else { &[] };
    check(&mut run, &elsewhere.iter().copied().collect());
    run
}

fn marks(run: &Run) -> Vec<String> {
    let places = run.places.iter();
    let marks = places.flat_map(|place| &place.contradictions);
    marks.map(ToString::to_string).collect()
}

const OWN: [(&str, u64); 6] = [
    ("a", 0),
    ("a", 50),
    ("a", 100),
    ("a", 300),
    ("a", 150),
    ("a", 200),
];

#[test]
fn a_checkpoint_between_others_than_it_claims_is_marked() {
    let expected = ["claims step 300, but lies between steps 100 and 150"];
    assert_eq!(marks(&checked(&OWN, 0.99, true)), expected);
    assert_eq!(marks(&checked(&OWN, 0.99, false)), expected);
}

#[test]
fn an_order_that_is_not_sure_contradicts_nothing() {
    assert!(marks(&checked(&OWN, 0.8, true)).is_empty());
}

#[test]
fn an_order_is_turned_round_if_it_is_claimed_so() {
    let mut reversed = OWN;
    reversed.reverse();
    let run = checked(&reversed, 0.99, true);
    assert_eq!(run.places.first().map(|place| place.member), Some(5));
    assert!(run.agreement.is_turned);
    assert!(run.places.last().is_some_and(|place| place.next.is_none()));
    assert_eq!(marks(&run), marks(&checked(&OWN, 0.99, true)));
}

#[test]
fn a_checkpoint_of_another_run_is_marked_if_runs_are_known() {
    let claims = [("a", 1), ("a", 2), ("b", 9), ("a", 3)];
    let expected = ["claims run b, but lies in run a"];
    assert_eq!(marks(&checked(&claims, 0.99, true)), expected);
    assert!(marks(&checked(&claims, 0.99, false)).is_empty());
}

#[test]
fn steps_that_contradict_throughout_are_marked_once() {
    let claims = [3, 1, 4, 1, 5, 9, 2, 6, 5].map(|step| ("a", step));
    let run = checked(&claims, 0.99, true);
    assert!(marks(&run).is_empty());
    assert!(run.agreement.is_contradicted());
    assert!(!checked(&claims, 0.7, true).agreement.is_contradicted());
}

#[test]
fn a_longest_rising_subsequence_is_as_long_as_trying_all_finds() {
    for code in 0..4_i128.pow(6) {
        let values: Vec<i128> = (0..6).map(|place| code / 4_i128.pow(place) % 4).collect();
        let found = longest_rising(&values);
        let rises = |places: &[usize]| {
            places
                .windows(2)
                .all(|pair| values[pair[0]] <= values[pair[1]])
        };
        assert!(rises(&found));
        let best = (0_u32..64)
            .map(|set| {
                (0..6)
                    .filter(|place| set >> place & 1 == 1)
                    .collect::<Vec<usize>>()
            })
            .filter(|places| rises(places))
            .map(|places| places.len())
            .max();
        assert_eq!(Some(found.len()), best);
    }
}

#[test]
fn many_checkpoints_of_another_claimed_run_are_not_misfiled() {
    let claims = [
        ("a", 1),
        ("a", 2),
        ("a", 3),
        ("a", 4),
        ("b", 1),
        ("b", 2),
        ("b", 3),
    ];
    let run = checked(&claims, 0.99, true);
    assert!(marks(&run).is_empty());
    assert_eq!(run.mixed, [("a".to_owned(), 4), ("b".to_owned(), 3)]);
    assert_eq!((run.agreement.claimed, run.agreement.in_order), (7, 7));
}
