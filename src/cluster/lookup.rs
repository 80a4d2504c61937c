//! `lookup`: any object or list, by what a template says.

use super::{ApiError, Cluster};
use crate::object::{Gvk, ObjectRef};
use serde_json::Value;

impl Cluster {
    /// The object of that name, or where no name is given the list of the kind (of all namespaces where none is given); `None`
    /// where there is none.
    ///
    /// # Errors
    /// `NoKindMatch` where the server knows no such kind; else as the request failed.
    pub async fn look_up(&self, gvk: &Gvk, namespace: &str, name: &str) -> Result<Option<Value>, ApiError> {
        for part in [namespace, name] {
            // Whatever a template puts there may not lead to another path.
            if matches!(part, "." | "..") || part.contains(['/', '%', '?', '#', ' ']) {
                return Err(ApiError::config(format!("invalid resource name {part:?}: a name holds no '/' and no '%'")));
            }
        }
        self.kind(gvk).await?;
        let namespace = Some(namespace).filter(|namespace| !namespace.is_empty()).map(str::to_owned);
        let reference = ObjectRef { gvk: gvk.clone(), namespace, name: name.into() };
        match self.get(&reference).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }
}
