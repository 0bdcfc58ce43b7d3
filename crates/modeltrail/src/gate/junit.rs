//! The answer as JUnit XML, for continuous integration.

use super::Judgement;
use crate::gate::judged::{Judged, Status};
use crate::text::unread;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

impl Judgement {
    /// The answer as JUnit XML: one test case that weights are finite, one that all were read, and
    /// one per limit.
    pub fn to_junit(&self) -> String {
        document(self)
    }
}

fn document(found: &Judgement) -> String {
    let mut suite = TestSuite::new(format!("{} after {}", found.candidate, found.accredited));
    suite.add_test_case(case("weights are finite", finite(found)));
    let all_read = case(
        "all weights were read",
        unread(&found.coverage)
            .filter(|_| !found.bytes.is_unread_same())
            .map(Fault::Error),
    );
    suite.add_test_case(all_read);
    if let Some(others) = super::text::other_tensors(found) {
        suite.add_test_case(case(
            "the tensors are the same",
            Some(Fault::Retest(others)),
        ));
    }
    if !found.said.ambiguous.is_empty() {
        let unsure = found
            .said
            .sentences("the accredited checkpoint", "the candidate");
        let unsure = unsure.join("; ");
        suite.add_test_case(case("all tensors were matched", Some(Fault::Error(unsure))));
    }
    for limit in &found.limits {
        suite.add_test_case(case(
            &super::text::limit_name(limit),
            fault(limit, found.not_finite.is_empty()),
        ));
    }
    let mut report = Report::new("modeltrail gate");
    report.add_test_suite(suite);
    // A string can always be written to, and text of XML is Unicode.
    report.to_string().unwrap_or_default()
}

/// Why a test case is no success.
enum Fault {
    /// The candidate has to be tested again.
    Retest(String),
    /// It is not known whether it has to be.
    Error(String),
}

fn case(name: &str, fault: Option<Fault>) -> TestCase {
    let status = match fault {
        None => TestCaseStatus::success(),
        Some(Fault::Retest(message)) => failure(NonSuccessKind::Failure, "retest", message),
        Some(Fault::Error(message)) => failure(NonSuccessKind::Error, "cannot_tell", message),
    };
    let mut case = TestCase::new(name, status);
    case.set_classname("modeltrail.gate");
    case
}

fn failure(kind: NonSuccessKind, what: &str, message: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(what).set_message(message);
    status
}

fn finite(found: &Judgement) -> Option<Fault> {
    let bad = found.not_finite.iter();
    let bad: Vec<String> = bad.map(super::text::not_finite).collect();
    (!bad.is_empty()).then(|| Fault::Retest(bad.join("; ")))
}

fn fault(limit: &Judged, is_finite: bool) -> Option<Fault> {
    let worst = limit.worst.as_deref();
    let worst = worst.map_or(String::new(), |worst| format!(" in {worst}"));
    match limit.status {
        Status::Within => None,
        Status::NotMeasured if is_finite => Some(Fault::Error(
            "not measured: some weights could not be read".to_owned(),
        )),
        Status::NotMeasured => Some(Fault::Retest(
            "not measured: weights are not finite".to_owned(),
        )),
        Status::Over => Some(Fault::Retest(format!(
            "{}{worst}, and at most {} is within",
            super::text::measured(limit),
            limit.limit
        ))),
    }
}
