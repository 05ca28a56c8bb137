//! `guildhall verify`: exit 0 and what was looked at, or exit 1 and a list of what differs.

use std::process::ExitCode;

use clap::Args;

use super::EXIT_REFUSED;
use super::operator::{PlaceFlags, ask, unexpected};
use crate::app::admin::{AdminAnswer, AdminRequest, VerifyReport};
use crate::domain::SiteId;

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Only this site
    #[arg(long, value_name = "ID")]
    site: Option<SiteId>,
    #[command(flatten)]
    place: PlaceFlags,
}

pub fn run(args: VerifyArgs) -> ExitCode {
    match ask(args.place, AdminRequest::Verify { site: args.site }) {
        Ok(AdminAnswer::Verified { report }) => tell(&report),
        Ok(
            AdminAnswer::KeyCreated { .. }
            | AdminAnswer::Keys { .. }
            | AdminAnswer::KeyRevoked { .. }
            | AdminAnswer::SiteCreated { .. }
            | AdminAnswer::Sites { .. }
            | AdminAnswer::Refused { .. },
        ) => unexpected(),
        Err(code) => code,
    }
}

fn tell(report: &VerifyReport) -> ExitCode {
    report.checked.iter().for_each(|line| println!("{line}"));
    report.differences.iter().for_each(|line| println!("differs: {line}"));
    if report.is_clean() {
        println!("no differences");
        return ExitCode::SUCCESS;
    }
    println!("{} differences", report.differences_total);
    ExitCode::from(EXIT_REFUSED)
}
