//! What `-v` and `-vv` show on standard error.

use tracing_subscriber::EnvFilter;

/// Starts logging; `TENANTIZE_LOG` overrides what the flags ask for.
pub fn start(verbose: u8) {
    let wanted = match verbose {
        0 => "tenantize=error",
        1 => "tenantize=info",
        _ => "tenantize=trace",
    };
    let filter = EnvFilter::try_from_env("TENANTIZE_LOG").unwrap_or_else(|_| EnvFilter::new(wanted));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).init();
}
