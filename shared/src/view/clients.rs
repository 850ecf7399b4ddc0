//! The views of all clients: each event is encoded once for all clients that get the same of it.

use std::ptr;

use super::{EventFacts, View, ViewError};
use crate::config::Client;
use crate::message::{Body, Message};

/// The clients' views, each of them once. Made at cold start.
#[derive(Clone, Debug, Default)]
pub struct ClientViews {
    views: Vec<View>,
    /// Which of `views` each client has, in the order of the config.
    of_clients: Vec<usize>,
}

/// One event as each client gets it. Encoded when it is asked for, and once for each view.
#[derive(Debug)]
pub struct MessageViews<'v> {
    message: Message,
    /// The body's text, if the body had to be unescaped.
    text: Option<String>,
    /// What was asked for. There are few.
    encoded: Vec<(&'v View, Result<Message, ViewError>)>,
}

impl ClientViews {
    /// The views of `clients`, which are those of a config, in its order.
    pub fn new(clients: &[Client]) -> Self {
        let mut all = Self::default();
        for client in clients {
            let view = View::new(&client.view);
            let place = all.views.iter().position(|known| *known == view).unwrap_or_else(|| {
                all.views.push(view);
                all.views.len() - 1
            });
            all.of_clients.push(place);
        }
        all
    }

    /// The view of the client at `place`; none if the config has no such client. Clients that get the same have the same one.
    pub fn view(&self, place: usize) -> Option<&View> {
        self.views.get(*self.of_clients.get(place)?)
    }
}

impl<'v> MessageViews<'v> {
    /// Nothing yet of the event of `message`, which is from the fan-out queue or made of the table's item.
    ///
    /// What differs among clients with the same view, such as an attribute, is added to what comes out of this.
    pub fn new(message: &Message) -> Self {
        Self { message: message.clone(), text: None, encoded: Vec::new() }
    }

    /// The message to clients with `view`: for all of them the same one, which shares its text.
    ///
    /// # Errors
    ///
    /// [`ViewError`], as for [`View::message`].
    pub fn message(&mut self, view: &'v View) -> Result<Message, ViewError> {
        if view.is_whole() {
            return Ok(self.message.clone());
        }
        if let Some((_, encoded)) = self.encoded.iter().find(|(known, _)| ptr::eq(*known, view)) {
            return encoded.clone();
        }
        let encoded = self.encode(view);
        self.encoded.push((view, encoded.clone()));
        encoded
    }

    fn encode(&mut self, view: &View) -> Result<Message, ViewError> {
        let facts = EventFacts::of_message(&self.message)?;
        let body = match (self.message.body(), &mut self.text) {
            (Body::Text(text), _) => text,
            (Body::Literal(_), Some(text)) => text,
            (literal, text) => text.insert(literal.text().ok_or(ViewError::NotText)?.into_owned()),
        };
        Ok(self.message.with_body(view.encode(&facts, body)?))
    }
}
