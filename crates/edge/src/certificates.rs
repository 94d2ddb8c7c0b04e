//! The certificates that are shown to those who speak TLS, by the names in them.
//!
//! They come from files, which are [watched](Certificates::watch), and from the control plane, which has
//! them issued. For a name that has none a client is shown one that this edge has signed itself.

mod issued;
mod own;
mod pair;
mod watch;

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch::{Receiver, Sender, channel};

use crate::protocol::{CertificateFile, InFile, Issued};

pub(crate) use issued::{Challenges, forget, keep};
pub(crate) use own::own;
pub use pair::{Certificate, Unusable, issuer_of};

/// Where a certificate is, and its key; both in PEM.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Files {
    /// The certificate, and after it those that lead to its authority.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// All that an edge has. Connections that begin after a change are shown what there is then.
pub(crate) struct Certificates {
    sources: Mutex<Sources>,
    /// What the control plane has given last.
    taken: Mutex<Vec<Issued>>,
    shown: ArcSwap<Shown>,
    /// What is told of the files.
    told: Sender<Vec<CertificateFile>>,
}

#[derive(Default)]
struct Sources {
    files: Vec<FromFiles>,
    issued: Vec<Certificate>,
    own: Option<Certificate>,
}

/// What comes from a pair of files.
struct FromFiles {
    files: Files,
    certificate: Option<Certificate>,
    /// Why what the files hold now is of no use, when it is so.
    refused: Option<String>,
}

/// What is shown for which name.
#[derive(Default)]
struct Shown {
    /// Names as they stand in a certificate, in lower case: `*.example.com` among them.
    by_name: HashMap<String, Arc<CertifiedKey>, RandomState>,
    /// For those who say no name.
    without_name: Option<Arc<CertifiedKey>>,
    /// For names that none is for.
    own: Option<Arc<CertifiedKey>>,
}

impl Shown {
    /// Of two for one name the first counts. Files come first: somebody has put them there.
    fn of(sources: &Sources) -> Self {
        let own = sources.own.as_ref().map(Certificate::key);
        let mut shown = Self { own: own.clone(), ..Self::default() };
        let files = sources.files.iter().filter_map(|one| one.certificate.as_ref());
        for certificate in files.chain(&sources.issued) {
            for name in certificate.names() {
                shown.by_name.entry(name.clone()).or_insert_with(|| certificate.key());
            }
            shown.without_name.get_or_insert_with(|| certificate.key());
        }
        shown.without_name = shown.without_name.or(own);
        shown
    }

    fn find(&self, name: Option<&str>) -> Option<Arc<CertifiedKey>> {
        let Some(name) = name else { return self.without_name.clone() };
        let name = name.to_ascii_lowercase();
        // A wildcard stands for one label (RFC 9525 §6.3).
        let wild = || self.by_name.get(&format!("*.{}", name.split_once('.')?.1));
        self.by_name.get(&name).or_else(wild).cloned().or_else(|| self.own.clone())
    }
}

impl Certificates {
    /// Those of the files, and one of the edge's own. A pair of files that is of no use is told, and looked
    /// at again when it changes. Blocks on the disk.
    pub(crate) fn open(files: &[Files], own: Option<Certificate>) -> Self {
        let unread =
            |files: &Files| FromFiles { files: files.clone(), certificate: None, refused: None };
        let files = files.iter().map(unread).collect();
        let sources = Sources { files, issued: Vec::new(), own };
        let (sources, taken) = (Mutex::new(sources), Mutex::default());
        let (told, _) = channel(Vec::new());
        let all = Self { sources, taken, shown: ArcSwap::default(), told };
        all.read_files();
        all
    }

    /// Reads the files again. Of a pair that is of no use the former one stays. Blocks on the disk.
    fn read_files(&self) {
        let mut holds = Vec::new();
        self.change(|sources| {
            sources.files.iter_mut().for_each(FromFiles::read);
            holds = sources.files.iter().map(FromFiles::told).collect();
        });
        self.told.send_if_modified(|told| {
            let is_news = *told != holds;
            *told = holds;
            is_news
        });
    }

    /// What the files hold, and each change of it.
    pub(crate) fn told(&self) -> Receiver<Vec<CertificateFile>> {
        self.told.subscribe()
    }

    /// Puts those in force that the control plane has had issued, in the place of those before.
    fn issued(&self, issued: Vec<Certificate>) {
        self.change(|sources| sources.issued = issued);
    }

    fn change(&self, change: impl FnOnce(&mut Sources)) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut sources);
        self.shown.store(Arc::new(Shown::of(&sources)));
    }

    fn files(&self) -> Vec<Files> {
        let sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        sources.files.iter().map(|one| one.files.clone()).collect()
    }
}

impl FromFiles {
    /// What is told of the files to those who list certificates.
    fn told(&self) -> CertificateFile {
        let shown = self.certificate.as_ref().map(|certificate| InFile {
            names: certificate.names().to_vec(),
            issuer: certificate.issuer().to_owned(),
            not_before: certificate.not_before(),
            not_after: certificate.not_after(),
        });
        let (file, refused) = (self.files.certificate.display().to_string(), self.refused.clone());
        CertificateFile { file, shown, refused }
    }

    /// Reads the files, and tells what is new of them.
    fn read(&mut self) {
        match Certificate::read(&self.files) {
            Ok(read) => {
                self.refused = None;
                if self.certificate.as_ref() != Some(&read) {
                    read.tell(&self.files);
                    self.certificate = Some(read);
                }
            }
            Err(why) => {
                let why = why.to_string();
                if self.refused.as_ref() != Some(&why) {
                    let (certificate, key) =
                        (self.files.certificate.display(), self.files.key.display());
                    let former = self.certificate.is_some();
                    tracing::error!(%certificate, %key, %why, former_stays = former, "a certificate is refused");
                }
                self.refused = Some(why);
            }
        }
    }
}

impl fmt::Debug for Certificates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.shown.load().by_name.keys()).finish()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.shown.load().find(hello.server_name())
    }
}

#[cfg(test)]
mod tests;
