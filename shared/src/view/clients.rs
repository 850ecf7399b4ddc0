//! The views of all clients: each event is encoded once for all clients that get the same of it.

use std::collections::HashMap;

use super::{EventFacts, View, ViewError};
use crate::config::{Client, ClientName};
use crate::message::{Body, Message};

/// The clients' views, each of them once. Made at cold start.
#[derive(Clone, Debug, Default)]
pub struct ClientViews {
    views: Vec<View>,
    /// Which of `views` each client has.
    by_client: HashMap<ClientName, usize>,
}

/// One event as each client gets it. Encoded when a client asks for it, and once for each view.
#[derive(Debug)]
pub struct MessageViews<'v> {
    views: &'v ClientViews,
    message: Message,
    /// The body's text, if the body had to be unescaped.
    text: Option<String>,
    /// In the order of the views; none if no client asked.
    encoded: Vec<Option<Result<Message, ViewError>>>,
}

impl ClientViews {
    /// The views of `clients`.
    pub fn new(clients: &[Client]) -> Self {
        let mut all = Self::default();
        for client in clients {
            let view = View::new(&client.view);
            let place = all.views.iter().position(|known| *known == view).unwrap_or_else(|| {
                all.views.push(view);
                all.views.len() - 1
            });
            all.by_client.insert(client.name.clone(), place);
        }
        all
    }

    /// The view of a client; none if the config has no client of this name, which then gets nothing.
    pub fn view(&self, client: &ClientName) -> Option<&View> {
        self.views.get(*self.by_client.get(client)?)
    }

    /// Whether all clients get events as they are.
    pub fn are_whole(&self) -> bool {
        self.views.iter().all(View::is_whole)
    }

    /// The event of `message`, which is from the fan-out queue or made of the table's item, for each of the clients.
    ///
    /// What differs among clients with the same view, such as an attribute, is added to what comes out of this.
    pub fn of(&self, message: &Message) -> MessageViews<'_> {
        MessageViews {
            views: self,
            message: message.clone(),
            text: None,
            encoded: vec![None; self.views.len()],
        }
    }
}

impl MessageViews<'_> {
    /// The message to `client`: for clients with the same view the same one, which shares its text. None if the config
    /// has no client of this name.
    ///
    /// # Errors
    ///
    /// [`ViewError`], as for [`View::message`].
    pub fn message(&mut self, client: &ClientName) -> Option<Result<Message, ViewError>> {
        let place = *self.views.by_client.get(client)?;
        if let Some(Some(encoded)) = self.encoded.get(place) {
            return Some(encoded.clone());
        }
        let encoded = self.encode(self.views.views.get(place)?);
        if let Some(known) = self.encoded.get_mut(place) {
            *known = Some(encoded.clone());
        }
        Some(encoded)
    }

    fn encode(&mut self, view: &View) -> Result<Message, ViewError> {
        if view.is_whole() {
            return Ok(self.message.clone());
        }
        let facts = EventFacts::of_message(&self.message)?;
        let body = match (self.message.body(), &mut self.text) {
            (Body::Text(text), _) => text,
            (Body::Literal(_), Some(text)) => text,
            (literal, text) => text.insert(literal.text().ok_or(ViewError::NotText)?.into_owned()),
        };
        Ok(self.message.with_body(view.encode(&facts, body)?))
    }
}
