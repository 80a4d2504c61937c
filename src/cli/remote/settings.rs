//! Flags of helm's commands that reach for charts, and where helm keeps its settings.

use clap::Args;
use std::path::PathBuf;

/// How a server of charts is reached.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerFlags {
    /// Chart repository username where to locate the requested chart
    #[arg(long, value_name = "string")]
    pub username: Option<String>,
    /// Chart repository password where to locate the requested chart
    #[arg(long, value_name = "string")]
    pub password: Option<String>,
    /// Identify HTTPS client using this SSL certificate file
    #[arg(long, value_name = "string")]
    pub cert_file: Option<String>,
    /// Identify HTTPS client using this SSL key file
    #[arg(long, value_name = "string")]
    pub key_file: Option<String>,
    /// Verify certificates of HTTPS-enabled servers using this CA bundle
    #[arg(long, value_name = "string")]
    pub ca_file: Option<String>,
    /// Skip tls certificate checks for the chart download
    #[arg(long)]
    pub insecure_skip_tls_verify: bool,
    /// Use insecure HTTP connections for the chart download
    #[arg(long)]
    pub plain_http: bool,
    /// Path to the registry config file
    #[arg(long, value_name = "string", env = "HELM_REGISTRY_CONFIG")]
    pub registry_config: Option<PathBuf>,
    /// Path to the file containing repository names and URLs
    #[arg(long, value_name = "string", env = "HELM_REPOSITORY_CONFIG")]
    pub repository_config: Option<PathBuf>,
    /// Path to the directory containing cached repository indexes
    #[arg(long, value_name = "string", env = "HELM_REPOSITORY_CACHE")]
    pub repository_cache: Option<PathBuf>,
}

/// Which chart is meant, and where it is.
#[derive(Args, Clone, Debug, Default)]
pub struct ChartFlags {
    /// Specify a version constraint for the chart version to use, such as 1.1.1 or ^2.0.0; the latest version if not specified
    #[arg(long, value_name = "string")]
    pub version: Option<String>,
    /// Use development versions, too. Equivalent to version '>0.0.0-0'. If --version is set, this is ignored
    #[arg(long)]
    pub devel: bool,
    /// Chart repository url where to locate the requested chart
    #[arg(long, value_name = "string")]
    pub repo: Option<String>,
    /// Pass credentials to all domains
    #[arg(long)]
    pub pass_credentials: bool,
    /// Provenance files are not verified: refused
    #[arg(long)]
    pub verify: bool,
    /// Taken as helm takes it, without effect without --verify
    #[arg(long, value_name = "string")]
    pub keyring: Option<String>,
    #[command(flatten)]
    pub server: ServerFlags,
}

impl ChartFlags {
    /// The version asked for; nothing takes the latest.
    pub fn version(&self) -> &str {
        match self.version.as_deref().map(str::trim) {
            None | Some("") if self.devel => ">0.0.0-0",
            version => version.unwrap_or_default(),
        }
    }

    /// The repository's address, where `--repo` names one.
    pub fn repo(&self) -> Option<&str> {
        self.repo.as_deref().filter(|url| !url.is_empty())
    }

    /// What this build cannot do.
    pub fn check(&self) -> Result<(), String> {
        match self.verify {
            true => Err("--verify: windlass does not check provenance files; use `helm verify` on the downloaded archive".to_owned()),
            false => Ok(()),
        }
    }
}

/// `helmpath`: the variable of helm, else that of XDG and `helm` below it, else the home folder's.
pub fn helm_path(helm: &str, xdg: &str, home: &str, rest: &str) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set(helm).unwrap_or_else(|| {
        let base = set(xdg).unwrap_or_else(|| set("HOME").unwrap_or_default().join(home));
        base.join("helm")
    });
    base.join(rest)
}

impl ServerFlags {
    /// repositories.yaml
    pub fn repository_config(&self) -> PathBuf {
        let given = self.repository_config.clone().filter(|path| !path.as_os_str().is_empty());
        given.unwrap_or_else(|| helm_path("HELM_CONFIG_HOME", "XDG_CONFIG_HOME", ".config", "repositories.yaml"))
    }

    /// The folder of cached indexes.
    pub fn repository_cache(&self) -> PathBuf {
        let given = self.repository_cache.clone().filter(|path| !path.as_os_str().is_empty());
        given.unwrap_or_else(|| helm_path("HELM_CACHE_HOME", "XDG_CACHE_HOME", ".cache", "repository"))
    }

    /// Helm's own file of registry logins.
    pub fn registry_config(&self) -> PathBuf {
        let given = self.registry_config.clone().filter(|path| !path.as_os_str().is_empty());
        given.unwrap_or_else(|| helm_path("HELM_CONFIG_HOME", "XDG_CONFIG_HOME", ".config", "registry/config.json"))
    }
}
