//! The answer as JUnit XML, for continuous integration.

use super::{Audit, Verdict};
use crate::text::unread;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

impl Audit {
    /// The answer as JUnit XML: a suite for each series, with a failure for each finding, and one test case
    /// that says whether everything was read.
    pub fn to_junit(&self) -> String {
        let mut report = Report::new("modeltrail audit");
        let has_several = self.series.len() > 1;
        for series in &self.series {
            let mut suite = TestSuite::new(series.heading());
            let mut is_sound = true;
            for finding in self
                .findings
                .iter()
                .filter(|one| !has_several || one.run == series.run)
            {
                is_sound = false;
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                status
                    .set_type(finding.kind.name())
                    .set_message(finding.to_string());
                let name = format!("{}: {}", finding.place(), finding.kind.name());
                suite.add_test_case(case(name, status));
            }
            if is_sound {
                suite.add_test_case(case(
                    "no defect found".to_owned(),
                    TestCaseStatus::success(),
                ));
            }
            report.add_test_suite(suite);
        }
        let mut suite = TestSuite::new("reading");
        let problems = self.problems.iter().map(|problem| problem.message.clone());
        let unread: Vec<String> = problems.chain(unread(&self.coverage)).collect();
        let status = if unread.is_empty() {
            TestCaseStatus::success()
        } else {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status
                .set_type(Verdict::CannotTell.name())
                .set_message(unread.join("; "));
            status
        };
        suite.add_test_case(case("everything was read".to_owned(), status));
        report.add_test_suite(suite);
        // A string can always be written to, and text of XML is Unicode.
        report.to_string().unwrap_or_default()
    }
}

fn case(name: String, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname("modeltrail.audit");
    case
}
