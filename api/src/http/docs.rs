//! The description as a page: Swagger UI, whose files are in the binary.

use axum::Router;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Whether there is a page, at `/docs/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DocsPage {
    /// There is none.
    #[default]
    Hidden,
    /// There is one.
    Shown,
}

impl DocsPage {
    /// What the variable `DOCS_PAGE` says: there is none, unless it is `enabled`.
    pub fn from_env() -> Self {
        Self::from_value(std::env::var("DOCS_PAGE").ok().as_deref())
    }

    fn from_value(value: Option<&str>) -> Self {
        if value == Some("enabled") { Self::Shown } else { Self::Hidden }
    }

    /// The routes of the page.
    pub(super) fn routes<S: Clone + Send + Sync + 'static>(self) -> Router<S> {
        match self {
            Self::Hidden => Router::new(),
            // By default the page asks another host whether the description is valid.
            Self::Shown => {
                SwaggerUi::new("/docs").config(Config::from("/openapi.json").validator_url("none")).into()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_page_unless_it_is_asked_for() {
        for (value, page) in [
            (None, DocsPage::Hidden),
            (Some(""), DocsPage::Hidden),
            (Some("disabled"), DocsPage::Hidden),
            (Some("enabled"), DocsPage::Shown),
        ] {
            assert_eq!(DocsPage::from_value(value), page, "{value:?}");
        }
    }
}
