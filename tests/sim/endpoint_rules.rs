//! What a command on an endpoint must lead to, told from the model alone.

use guildhall::domain::Command;

use crate::model::Model;
use crate::rules::{Fact, Predicted, one, when};

impl Model {
    pub fn predict_endpoint(&self, command: &Command) -> Predicted {
        match command {
            Command::CreateEndpoint(new) => one(Fact::EndpointCreated(new.id)),
            Command::DeleteEndpoint { endpoint } => {
                self.endpoints.get(endpoint).ok_or("ENDPOINT_NOT_FOUND")?;
                one(Fact::EndpointDeleted(*endpoint))
            }
            Command::RotateEndpointSecret { endpoint, .. } => {
                self.endpoints.get(endpoint).ok_or("ENDPOINT_NOT_FOUND")?;
                one(Fact::EndpointRotated(*endpoint))
            }
            Command::DisableEndpoint { endpoint, .. } => {
                let known = self.endpoints.get(endpoint).ok_or("ENDPOINT_NOT_FOUND")?;
                when(known.disabled.is_none(), Fact::EndpointDisabled(*endpoint))
            }
            Command::UpdateEndpoint { endpoint, patch } => {
                let known = self.endpoints.get(endpoint).ok_or("ENDPOINT_NOT_FOUND")?;
                let wished = patch.description.as_ref();
                let is_new = wished.is_some_and(|wished| *wished != known.settings.description);
                when(is_new, Fact::EndpointUpdated(*endpoint))
            }
            Command::EnableEndpoint { endpoint } => {
                let known = self.endpoints.get(endpoint).ok_or("ENDPOINT_NOT_FOUND")?;
                when(known.disabled.is_some(), Fact::EndpointEnabled(*endpoint))
            }
            Command::ReportEndpoint { endpoint, .. } => {
                self.endpoints.get(endpoint).ok_or("ENDPOINT_NOT_FOUND")?;
                one(Fact::EndpointReported(*endpoint))
            }
            Command::ReplayEndpoint { endpoint, .. } => {
                self.endpoints.get(endpoint).ok_or("ENDPOINT_NOT_FOUND")?;
                one(Fact::EndpointReplay(*endpoint))
            }
            Command::FinishReplay { endpoint, id } => {
                let known = self.endpoints.get(endpoint).ok_or("ENDPOINT_NOT_FOUND")?;
                let is_open = known.settings.replays.iter().any(|job| job.id == *id);
                when(is_open, Fact::EndpointReplay(*endpoint))
            }
            other => unreachable!("{} is no endpoint's command", other.kind()),
        }
    }
}
