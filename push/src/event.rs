//! An event on its way to a target.

use shared::consumer::ReceivedMessage;
use shared::ids::Group;

/// An event, or the notice that an aggregate was erased, as a message of the client's queue brings it.
#[derive(Clone, Debug)]
pub struct Event<'m> {
    /// The aggregate's group.
    pub group: &'m Group,
    /// Its version, its predecessor, its incarnation, the replay that it comes in, whether it is a notice.
    pub message: ReceivedMessage,
    /// `eventId`: the same whenever it comes again.
    pub id: &'m str,
    /// `eventName`, where the source has one.
    pub name: Option<&'m str>,
    /// `eventTime`, where the source has one.
    pub time: Option<&'m str>,
    /// `erased`: when the erasure was seen, of a notice.
    pub erased: Option<&'m str>,
    /// The client's view of the event, JSON; of a notice, the aggregate's key.
    pub body: &'m str,
}
