//! Another configuration in the place of the one in force: read anew, applied, or taken back.

use super::Daemon;
use crate::{
    api::{Applied, Apply, Changed, Error, ErrorKind, Reloaded, Terms},
    config::{Config, Report},
    reconcile::difference::difference,
    store::ConfigFile,
};

impl Daemon {
    /// Reads the configuration file again and applies the difference.
    pub(super) fn reload_file(&mut self) -> Result<Reloaded, Error> {
        self.nothing_unconfirmed()?;
        let config = self
            .origin
            .read()
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("{error:#}")))?;
        self.accept(&config)?;
        let restart_needed = self.fixed_settings(&config);
        if let Err(error) = self.file().keep(self.config.text(), config.text()) {
            tracing::warn!("{error:#}; 'rollback' will not know it");
        }
        Ok(Reloaded {
            routes: self.put_in_force(config),
            restart_needed,
        })
    }

    /// Puts a configuration in force and makes it the file's; or, where it is to be confirmed,
    /// leaves the file as it is until then.
    pub(super) fn apply_text(&mut self, apply: &Apply) -> Result<Changed, Error> {
        let config = self
            .origin
            .parse(&apply.text, &apply.name)
            .map_err(|error| Error::new(ErrorKind::Invalid, format!("{error:#}")))?;
        self.accept(&config)?;
        let mut changed = Changed {
            changes: difference(&self.config, &config),
            restart_needed: self.fixed_settings(&config),
            unconfirmed: None,
        };
        if apply.terms.dry_run {
            return Ok(changed);
        }
        self.nothing_unconfirmed()?;
        self.nothing_edited(&apply.text)?;
        match apply.terms.confirm_seconds {
            None => self
                .file()
                .install(&apply.text, self.config.text())
                .map_err(failed)?,
            Some(seconds) => self.begin_trial(&apply.text, seconds).map_err(failed)?,
        }
        self.put_in_force(config);
        changed.unconfirmed = self.trials.unconfirmed();
        Ok(changed)
    }

    /// Ends a change that awaits its confirmation; or else puts the configuration in force that
    /// was before.
    pub(super) fn roll_back(&mut self, terms: Terms) -> Result<Changed, Error> {
        if let Some(before) = self.trials.before().map(str::to_owned) {
            if terms.confirm_seconds.is_some() {
                self.nothing_unconfirmed()?;
            }
            let config = self.origin.parse(&before, "the configuration of before");
            let config = config.map_err(failed)?;
            let changed = Changed {
                changes: difference(&self.config, &config),
                ..Changed::default()
            };
            if !terms.dry_run {
                self.end_trial();
            }
            return Ok(changed);
        }
        let file = self.file();
        let text = file.previous().map_err(failed)?.ok_or_else(|| {
            let path = file.previous_path().display();
            let message = format!("nothing to go back to: there is no {path}");
            Error::new(ErrorKind::NotFound, message)
        })?;
        self.apply_text(&Apply {
            name: file.previous_path().display().to_string(),
            text,
            terms,
        })
    }

    /// Takes `config` in place of the one in force. What is fixed since the start stays.
    pub(super) fn put_in_force(&mut self, mut config: Config) -> Applied {
        let routes = self.table.set_file(&config.routes);
        config.limits = self.config.limits;
        config.metrics = self.config.metrics;
        self.config = config;
        self.actual.refused.clear();
        self.sync();
        self.edited.notify_one();
        routes
    }

    pub(super) fn file(&self) -> ConfigFile {
        ConfigFile::at(&self.origin.file)
    }

    pub(super) fn fits_host(&self, config: &Config) -> Result<(), Report> {
        config.problems(&self.world).map_or(Ok(()), Err)
    }

    fn accept(&self, config: &Config) -> Result<(), Error> {
        self.fits_host(config)
            .map_err(|report| Error::new(ErrorKind::Invalid, report.to_string()))?;
        if config.routes.len() <= self.route_limit as usize {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Invalid,
            format!(
                "{} routes are more than the {} there is room for: limits.routes takes effect at the next start",
                config.routes.len(),
                self.route_limit
            ),
        ))
    }

    fn nothing_unconfirmed(&self) -> Result<(), Error> {
        let Some(unconfirmed) = self.trials.unconfirmed() else {
            return Ok(());
        };
        Err(Error::new(
            ErrorKind::Exists,
            format!(
                "a change awaits its confirmation, for another {} s: 'routemesh confirm' keeps it, 'routemesh rollback' ends it",
                unconfirmed.seconds_left
            ),
        ))
    }

    /// What somebody wrote into the file since it was read must not be lost.
    fn nothing_edited(&self, text: &str) -> Result<(), Error> {
        let found = self.file().text().map_err(failed)?;
        let known = [self.config.text(), text];
        if found.is_none_or(|found| known.contains(&found.as_str())) {
            return Ok(());
        }
        let path = self.origin.file.display();
        Err(Error::new(
            ErrorKind::Exists,
            format!(
                "{path} was edited and is not in force, and would be overwritten: apply it first with 'routemesh reload', or undo the edit"
            ),
        ))
    }

    /// Settings that differ from those in force, which are fixed since the start.
    fn fixed_settings(&self, config: &Config) -> Vec<String> {
        [
            ("limits.routes", config.limits != self.config.limits),
            ("metrics.listen", config.metrics != self.config.metrics),
        ]
        .into_iter()
        .filter(|(_, differs)| *differs)
        .map(|(name, _)| name.to_owned())
        .collect()
    }
}

pub(super) fn failed(error: anyhow::Error) -> Error {
    Error::new(ErrorKind::Failed, format!("{error:#}"))
}
