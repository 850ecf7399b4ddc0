//! What a command does: an event, or a refusal.

use time::Date;

use super::command::{Address, Command, Entitle};
use super::event::{Event, EventName, Ids};
use super::refusal::{Kind, Refusal};
use super::registration::{Entitlement, RegistrationNumber, Status};
use crate::event_time::EventTime;

/// How many years an entitlement may last from the day of a command.
pub const LONGEST_TERM: u8 = 10;

/// The event that `command` makes of the mark's `state`, which is `None` before its first event. The event's time is `now`,
/// which the caller keeps above the last event's.
///
/// # Errors
///
/// [`Refusal`] if the mark's state does not allow the command.
pub fn decide(
    state: Option<&RegistrationNumber>,
    command: &Command,
    now: EventTime,
    ids: Ids,
) -> Result<Event, Refusal> {
    let (name, registration_number) = match command {
        Command::CreateEntitlement(entitle) => {
            (EventName::EntitlementCreated, create(state, entitle, now, ids.certificate_no)?)
        }
        Command::Unlock(_) => (EventName::Unlocked, unlock(known(state)?, now)?),
        Command::UpdateAddress(readdress) => {
            let mut after = next(unlocked(state)?, now);
            let Address { address_line1, address_line2, post_code } = readdress.address.clone();
            let entitlement = Entitlement { address_line1, address_line2, post_code, ..after.entitlement };
            after.entitlement = entitlement;
            (EventName::AddressUpdated, after)
        }
        Command::UpdateNominee(nominate) => {
            let mut after = next(unlocked(state)?, now);
            after.entitlement.nominee_name = nominate.nominee_name.clone();
            (EventName::NomineeUpdated, after)
        }
        Command::UpdateCertificate(_) => {
            let mut after = next(unlocked(state)?, now);
            after.entitlement.certificate_no = ids.certificate_no;
            after.entitlement.certificate_time = now;
            (EventName::CertificateUpdated, after)
        }
        Command::Extend(extend) => {
            let mut after = next(unlocked(state)?, now);
            after.entitlement.expiry_date = extended(&after.entitlement, extend.years.get(), now)?;
            (EventName::EntitlementExtended, after)
        }
        Command::Lock(_) => {
            let mut after = next(unlocked(state)?, now);
            (after.status, after.lock_time) = (Status::Locked, Some(now));
            (EventName::Locked, after)
        }
    };
    Ok(Event { id: ids.event_id, name, time: now, registration_number })
}

fn create(
    state: Option<&RegistrationNumber>,
    entitle: &Entitle,
    now: EventTime,
    certificate_no: String,
) -> Result<RegistrationNumber, Refusal> {
    if let Some(there) = state {
        return Err(refusal(
            Kind::MarkExists,
            format!("`{}` is there, with version {}", there.mark, there.version),
            "update it, or erase it before it is created anew",
        ));
    }
    let Address { address_line1, address_line2, post_code } = entitle.address.clone();
    let expiry_date = later(now.date(), LONGEST_TERM).ok_or_else(too_long)?.to_string();
    Ok(RegistrationNumber {
        mark: entitle.mark.clone(),
        status: Status::Entitled,
        event_time: now,
        lock_time: None,
        price: entitle.price.clone(),
        version: 1,
        entitlement: Entitlement {
            certificate_no,
            certificate_time: now,
            expiry_date,
            nominee_name: entitle.nominee_name.clone(),
            address_line1,
            address_line2,
            post_code,
        },
    })
}

fn unlock(state: &RegistrationNumber, now: EventTime) -> Result<RegistrationNumber, Refusal> {
    if state.status != Status::Locked {
        let problem = format!("`{}` is not locked", state.mark);
        return Err(refusal(Kind::MarkNotLocked, problem, "leave it as it is"));
    }
    Ok(RegistrationNumber { status: Status::Entitled, lock_time: None, ..next(state, now) })
}

fn known(state: Option<&RegistrationNumber>) -> Result<&RegistrationNumber, Refusal> {
    state.ok_or_else(|| {
        refusal(Kind::MarkUnknown, "there is no such mark".to_owned(), "create its entitlement first")
    })
}

fn unlocked(state: Option<&RegistrationNumber>) -> Result<&RegistrationNumber, Refusal> {
    let state = known(state)?;
    match state.status {
        Status::Entitled => Ok(state),
        Status::Locked => {
            Err(refusal(Kind::MarkLocked, format!("`{}` is locked", state.mark), "unlock it first"))
        }
    }
}

/// The state with the next version, before the event's own change.
fn next(state: &RegistrationNumber, now: EventTime) -> RegistrationNumber {
    RegistrationNumber { version: state.version + 1, event_time: now, ..state.clone() }
}

/// The last day of an entitlement that is extended: from its own last day, or from today if that is over.
fn extended(entitlement: &Entitlement, years: u8, now: EventTime) -> Result<String, Refusal> {
    let today = now.date();
    // Days are written as dates sort.
    let is_over = entitlement.expiry_date < today.to_string();
    let from = if is_over { Some(today) } else { date(&entitlement.expiry_date) };
    let last_day = from.and_then(|from| later(from, years)).ok_or_else(too_long)?;
    match later(today, LONGEST_TERM) {
        Some(limit) if last_day <= limit => Ok(last_day.to_string()),
        _ => Err(too_long()),
    }
}

fn too_long() -> Refusal {
    Refusal {
        kind: Kind::TermTooLong,
        field: "years",
        problem: format!("an entitlement ends {LONGEST_TERM} years from today at the latest"),
        remedy: "extend it by fewer years, or later",
    }
}

fn refusal(kind: Kind, problem: String, remedy: &'static str) -> Refusal {
    Refusal { kind, field: "mark", problem, remedy }
}

fn date(text: &str) -> Option<Date> {
    let midnight = EventTime::try_from_text(&format!("{text}T00:00:00.000000000Z")).ok()?;
    Some(midnight.date())
}

/// The same day so many years later; the last of February for a day that only leap years have.
fn later(day: Date, years: u8) -> Option<Date> {
    let year = day.year() + i32::from(years);
    let same_day = day.replace_year(year).or_else(|_| day.replace_day(28)?.replace_year(year)).ok()?;
    (year <= 9999).then_some(same_day)
}
