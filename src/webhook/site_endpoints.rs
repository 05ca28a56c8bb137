//! The endpoints of a site as the site itself knows them.

use std::sync::Arc;

use super::port::{EndpointSource, Listed, PortError, PortFuture};
use crate::actors::handle::{CallError, SiteHandle};
use crate::core::query::{Page, PageStart, Query, View};
use crate::domain::endpoint::EndpointReport;
use crate::domain::event::Endpoint;
use crate::domain::{Command, EndpointId, limits};

/// Asks and tells the site.
pub struct SiteEndpoints {
    site: SiteHandle,
}

impl SiteEndpoints {
    pub fn new(site: SiteHandle) -> SiteEndpoints {
        SiteEndpoints { site }
    }

    async fn page(&self, start: PageStart) -> Result<(EndpointPage, u64), PortError> {
        let page = Page { limit: limits::PAGE_LIMIT_MAX, start };
        let answer = self.site.query(Query::Endpoints { page }).await.map_err(told)?;
        match answer.value {
            View::Endpoints(page) => {
                let next = page.next.map(PageStart::After);
                Ok((EndpointPage { endpoints: page.items, next }, answer.seq))
            }
            _ => Err(PortError("the site answered something else".to_owned())),
        }
    }

    /// The seq is that of the first page: what changed since is followed and changes nothing twice.
    async fn all(&self) -> Result<Listed, PortError> {
        let (first, seq) = self.page(PageStart::Offset(0)).await?;
        let mut listed = Listed { endpoints: first.endpoints, seq };
        let mut next = first.next;
        while let Some(start) = next {
            let (page, _) = self.page(start).await?;
            listed.endpoints.extend(page.endpoints);
            next = page.next;
        }
        Ok(listed)
    }
}

struct EndpointPage {
    endpoints: Vec<Arc<Endpoint>>,
    next: Option<PageStart>,
}

fn told(error: CallError) -> PortError {
    PortError(error.to_string())
}

impl EndpointSource for SiteEndpoints {
    fn list(&self) -> PortFuture<'_, Listed> {
        Box::pin(self.all())
    }

    fn report(&self, endpoint: EndpointId, report: EndpointReport) -> PortFuture<'_, ()> {
        self.tell(Command::ReportEndpoint { endpoint, report })
    }

    fn finish_replay(&self, endpoint: EndpointId, id: u64) -> PortFuture<'_, ()> {
        self.tell(Command::FinishReplay { endpoint, id })
    }

    fn disable(&self, endpoint: EndpointId, reason: &'static str) -> PortFuture<'_, ()> {
        self.tell(Command::DisableEndpoint { endpoint, reason: reason.to_owned() })
    }
}

impl SiteEndpoints {
    fn tell(&self, command: Command) -> PortFuture<'_, ()> {
        Box::pin(async move {
            match self.site.command(command).await {
                // A refusal means that it is gone or was disabled meanwhile.
                Ok(_) | Err(CallError::Refused(_)) => Ok(()),
                Err(
                    error @ (CallError::Busy
                    | CallError::Undone
                    | CallError::DiskFull
                    | CallError::Stopped
                    | CallError::Internal),
                ) => Err(told(error)),
            }
        })
    }
}
