//! A certificate authority for tests, made by OpenSSL once in a run: root, issuing authority, signers good and bad, a time-stamp server, an OCSP
//! responder, CRLs; and an HTTP server that the URLs in the certificates lead to. All names are invented.

pub mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use self::server::Server;
use crate::support::{free_port, output_folder, run_ok};

/// What opens the PKCS#12 files and the encrypted keys.
pub const PASSWORD: &str = "prøve-passord";

/// Name of the files, subject, kind of key, section of extensions. The files are `NAME.pem`, `.der`, `.key` (PKCS#8), `.encrypted.key`, `.p12`.
const LEAVES: [(&str, &str, &str, &str); 10] = [
    ("rsa2048", "/C=NO/O=Bjørkåsen skole (oppdiktet)/CN=Kari Prøve-Nordmann", "RSA:2048", "signer"),
    (
        "rsa3072",
        "/C=NO/O=Ås kommune (oppdiktet)/organizationIdentifier=NTRNO-999999999/CN=Segl for Ås kommune (oppdiktet)",
        "RSA:3072",
        "seal",
    ),
    ("p256", "/C=NO/O=Bjørkåsen skole (oppdiktet)/CN=Øystein Prøve-Åsen", "EC:P-256", "qualified"),
    ("p384", "/C=NO/O=PP-tjenesten i Ås (oppdiktet)/CN=Pål Prøve-Sæther", "EC:P-384", "signer"),
    ("expired", "/C=NO/O=Bjørkåsen skole (oppdiktet)/CN=Utløpt Prøve-Æsland", "EC:P-256", "signer"),
    ("revoked", "/C=NO/O=Bjørkåsen skole (oppdiktet)/CN=Tilbakekalt Prøve-Østby", "EC:P-256", "signer"),
    ("onhold", "/C=NO/O=Bjørkåsen skole (oppdiktet)/CN=Midlertidig Prøve-Ås", "EC:P-256", "signer"),
    ("nousage", "/C=NO/O=Bjørkåsen skole (oppdiktet)/CN=Ubrukelig Prøve-Ødegård", "EC:P-256", "nousage"),
    ("tsa", "/C=NO/O=Tidsstemplingen Æøå (oppdiktet)/CN=Tidsstempel for prøver", "RSA:2048", "tsa"),
    ("ocsp", "/C=NO/O=Prøvemyndigheten Æøå (oppdiktet)/CN=OCSP for prøver", "EC:P-256", "ocsp"),
];

/// The authority with its files.
pub struct Authority {
    folder: PathBuf,
    /// Where the URLs in the certificates lead to.
    pub server: Server,
    /// OpenSSL keeps the list of what it issued in files.
    list: Mutex<()>,
}

/// The authority of this run.
pub fn authority() -> &'static Authority {
    static ONCE: OnceLock<Authority> = OnceLock::new();
    ONCE.get_or_init(Authority::make)
}

impl Authority {
    fn make() -> Self {
        let folder = output_folder("authority");
        let server = Server::start(&folder);
        let authority = Self { folder, server, list: Mutex::new(()) };
        std::fs::write(authority.path("ca.cnf"), configuration(authority.server.base(), free_port()))
            .expect("a file can be written");
        for list in ["root", "issuing"] {
            std::fs::write(authority.path(&format!("{list}.index")), "").expect("a file can be written");
            std::fs::write(authority.path(&format!("{list}.number")), "01").expect("a file can be written");
        }
        std::fs::write(authority.path("tsa.number"), "01").expect("a file can be written");
        authority.make_authorities();
        authority.make_leaves();
        for (name, reason) in [("revoked", "keyCompromise"), ("onhold", "certificateHold")] {
            authority.revoke(name, reason);
        }
        authority.publish("root");
        authority
    }

    /// One of its files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What is in one of its files.
    pub fn read(&self, name: &str) -> Vec<u8> {
        read(&self.path(name))
    }

    /// The folder of all its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The root, which is to be trusted.
    pub fn root_pem(&self) -> PathBuf {
        self.path("root.pem")
    }

    /// Address of the time-stamp server.
    pub fn tsa_url(&self) -> String {
        format!("{}/tsa", self.server.base())
    }

    /// Issues another certificate with its files, by a section of extensions in `ca.cnf`.
    pub fn issue(&self, name: &str, subject: &str, key: &str, section: &str) {
        self.make_request(name, subject, key);
        self.sign("issuing", name, section, &["-days", "3650"]);
        self.pack(name);
    }

    /// Revokes a certificate, from now on, and publishes a new CRL.
    pub fn revoke(&self, name: &str, reason: &str) {
        {
            let _guard = self.list.lock().unwrap_or_else(PoisonError::into_inner);
            let file = format!("{name}.pem");
            self.openssl(&[
                "ca",
                "-config",
                "ca.cnf",
                "-name",
                "issuing_list",
                "-revoke",
                &file,
                "-crl_reason",
                reason,
            ]);
        }
        self.publish("issuing");
    }

    /// OpenSSL in the folder of the authority.
    pub fn openssl(&self, arguments: &[&str]) -> String {
        run_ok(Command::new("openssl").args(arguments).current_dir(&self.folder).env("PASSWORD", PASSWORD))
    }

    fn make_authorities(&self) {
        let root = "/C=NO/O=Prøvemyndigheten Æøå (oppdiktet)/CN=Rot-CA for prøver";
        let issuing = "/C=NO/O=Prøvemyndigheten Æøå (oppdiktet)/CN=Utstedende CA for prøver";
        self.make_request("root", root, "EC:P-384");
        self.make_request("issuing", issuing, "RSA:2048");
        let begin = ["-startdate", "20190101000000Z"];
        self.sign("root", "root", "root", &[&["-selfsign", "-days", "7300"][..], &begin].concat());
        // Longer than the leaves, as it has to be: what is judged later than their end needs it.
        self.sign("root", "issuing", "issuing", &[&["-days", "6500"][..], &begin].concat());
        let chain = [self.read("issuing.pem"), self.read("root.pem")].concat();
        std::fs::write(self.path("chain.pem"), chain).expect("a file can be written");
        // Somebody who calls themselves the same, with another key.
        let twin = ["req", "-new", "-x509", "-utf8", "-config", "ca.cnf", "-extensions", "root", "-days", "3650"];
        self.make_key("twin", "EC:P-256");
        self.openssl(&[&twin[..], &["-key", "twin.key", "-subj", issuing, "-out", "twin.pem"]].concat());
        for name in ["root", "issuing", "twin"] {
            self.to_der(name);
        }
    }

    fn make_leaves(&self) {
        // Keys take most of the time, and wait for nothing.
        thread::scope(|scope| {
            for (name, subject, key, _) in LEAVES {
                scope.spawn(move || self.make_request(name, subject, key));
            }
        });
        for (name, _, _, section) in LEAVES {
            let validity: &[&str] = match name {
                "expired" => &["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"],
                // Ends before those of signers, so that what it proves has to be renewed. Days count from today.
                "tsa" => &["-startdate", "20220101000000Z", "-days", "1825"],
                _ => &["-startdate", "20220101000000Z", "-days", "3650"],
            };
            self.sign("issuing", name, section, validity);
        }
        self.sign_by_twin();
        thread::scope(|scope| {
            for (name, ..) in LEAVES {
                scope.spawn(move || self.pack(name));
            }
        });
    }

    /// `foreign.pem`: the subject and the key of `p256`, by the twin.
    fn sign_by_twin(&self) {
        let by = ["-CA", "twin.pem", "-CAkey", "twin.key", "-set_serial", "4097", "-extfile", "ca.cnf"];
        let made = ["x509", "-req", "-in", "p256.csr", "-days", "3650", "-extensions", "signer", "-out", "foreign.pem"];
        self.openssl(&[&made[..], &by[..]].concat());
        self.to_der("foreign");
    }

    fn make_key(&self, name: &str, key: &str) {
        let file = format!("{name}.key");
        let (algorithm, detail) = key.split_once(':').expect("a kind of key and its size");
        let option = match algorithm {
            "RSA" => format!("rsa_keygen_bits:{detail}"),
            _ => format!("ec_paramgen_curve:{detail}"),
        };
        self.openssl(&["genpkey", "-algorithm", algorithm, "-pkeyopt", &option, "-out", &file]);
    }

    fn make_request(&self, name: &str, subject: &str, key: &str) {
        self.make_key(name, key);
        let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
        self.openssl(&["req", "-new", "-utf8", "-config", "ca.cnf", "-key", &key, "-subj", subject, "-out", &request]);
    }

    fn sign(&self, by: &str, name: &str, section: &str, validity: &[&str]) {
        let _guard = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let (request, certificate) = (format!("{name}.csr"), format!("{name}.pem"));
        let files = ["-in", &request, "-out", &certificate, "-extensions", section];
        let list = format!("{by}_list");
        let quiet = ["ca", "-config", "ca.cnf", "-name", &list, "-batch", "-notext", "-utf8"];
        self.openssl(&[&quiet[..], &files[..], validity].concat());
    }

    fn to_der(&self, name: &str) {
        let (pem, der) = (format!("{name}.pem"), format!("{name}.der"));
        self.openssl(&["x509", "-in", &pem, "-outform", "DER", "-out", &der]);
    }

    /// The other forms of a certificate and its key.
    fn pack(&self, name: &str) {
        self.to_der(name);
        let [pem, key, encrypted, p12] =
            ["pem", "key", "encrypted.key", "p12"].map(|extension| format!("{name}.{extension}"));
        let hidden = ["-v2", "aes-256-cbc", "-passout", "env:PASSWORD"];
        self.openssl(&[&["pkcs8", "-topk8", "-in", &key, "-out", &encrypted][..], &hidden].concat());
        let hidden = ["-keypbe", "AES-256-CBC", "-certpbe", "AES-256-CBC", "-macalg", "sha256"];
        let files = ["-inkey", &key, "-in", &pem, "-certfile", "chain.pem", "-out", &p12, "-passout", "env:PASSWORD"];
        self.openssl(&[&["pkcs12", "-export"][..], &files, &hidden].concat());
    }

    /// A CRL of the issuing authority with a section of extensions.
    pub fn crl_with(&self, section: &str) -> Vec<u8> {
        let _guard = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let (pem, crl) = (format!("{section}.crl.pem"), format!("{section}.crl"));
        let call = ["ca", "-config", "ca.cnf", "-name", "issuing_list", "-gencrl", "-crlexts", section, "-out", &pem];
        self.openssl(&call);
        self.openssl(&["crl", "-in", &pem, "-outform", "DER", "-out", &crl]);
        self.read(&crl)
    }

    /// Writes the CRL of an authority anew.
    pub fn publish(&self, name: &str) {
        let _guard = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let (pem, crl) = (format!("{name}.crl.pem"), format!("{name}.crl"));
        let list = format!("{name}_list");
        self.openssl(&["ca", "-config", "ca.cnf", "-name", &list, "-gencrl", "-out", &pem]);
        let fresh = format!("{crl}.new");
        self.openssl(&["crl", "-in", &pem, "-outform", "DER", "-out", &fresh]);
        std::fs::rename(self.path(&fresh), self.path(&crl)).expect("a file can be renamed");
    }
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// `ca.cnf`: two authorities, the extensions of what they issue, and the time-stamp server. On the port `dead` nobody listens.
fn configuration(base: &str, dead: u16) -> String {
    let list = |name: &str| {
        format!(
            "[{name}_list]\ndatabase=./{name}.index\ncrlnumber=./{name}.number\nnew_certs_dir=.\nrand_serial=yes\n\
             certificate=./{name}.pem\nprivate_key=./{name}.key\ndefault_md=sha256\ndefault_crl_days=30\n\
             policy=any\nunique_subject=no\nemail_in_dn=no\n"
        )
    };
    let ids = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
    let places = |base: &str| {
        format!(
            "crlDistributionPoints=URI:{base}/issuing.crl\n\
             authorityInfoAccess=OCSP;URI:{base}/ocsp,caIssuers;URI:{base}/issuing.cer\n"
        )
    };
    let at = places(base);
    let leaf = format!("basicConstraints=critical,CA:FALSE\n{ids}");
    let signs = "keyUsage=critical,digitalSignature,nonRepudiation\n";
    [
        "[req]\ndistinguished_name=dn\nprompt=no\nutf8=yes\nstring_mask=utf8only\n[dn]\nCN=x\n".to_owned(),
        "[any]\ncountryName=optional\norganizationName=optional\norganizationIdentifier=optional\ncommonName=supplied\n"
            .to_owned(),
        list("root"),
        list("issuing"),
        format!("[signer]\n{leaf}{signs}{at}"),
        format!("[seal]\n{leaf}{signs}{at}qcStatements=ASN1:SEQUENCE:seal_statements\n"),
        format!("[qualified]\n{leaf}{signs}{at}certificatePolicies=0.4.0.194112.1.2\nqcStatements=ASN1:SEQUENCE:statements\n"),
        format!("[nousage]\n{leaf}keyUsage=critical,keyEncipherment\n{at}"),
        // CRLs for a part of the certificates, or of kinds that are not understood.
        format!("[crl_here]\nissuingDistributionPoint=critical,@here\n[here]\nfullname=URI:{base}/issuing.crl\n"),
        format!("[crl_elsewhere]\nissuingDistributionPoint=critical,@elsewhere\n[elsewhere]\nfullname=URI:{base}/other.crl\n"),
        "[crl_authorities]\nissuingDistributionPoint=critical,@authorities\n[authorities]\nonlyCA=TRUE\n".to_owned(),
        "[crl_indirect]\nissuingDistributionPoint=critical,@indirect\n[indirect]\nindirectCRL=TRUE\n".to_owned(),
        "[crl_reasons]\nissuingDistributionPoint=critical,@reasons\n[reasons]\nonlysomereasons=keyCompromise\n".to_owned(),
        "[crl_delta]\ndeltaCRL=critical,DER:020101\n".to_owned(),
        "[crl_unknown]\n1.2.3.4.5=critical,ASN1:NULL\n".to_owned(),
        // Its servers do not answer.
        format!("[unreachable]\n{leaf}{signs}{}", places(&format!("http://127.0.0.1:{dead}"))),
        // Nobody is named who could be asked.
        format!("[silent]\n{leaf}{signs}"),
        format!("[unknown]\n{leaf}{signs}{at}1.2.3.4.5=critical,ASN1:NULL\n"),
        format!("[tsa]\n{leaf}keyUsage=critical,digitalSignature\nextendedKeyUsage=critical,timeStamping\n{at}"),
        format!("[ocsp]\n{leaf}keyUsage=critical,digitalSignature\nextendedKeyUsage=OCSPSigning\nnoCheck=ignored\n"),
        "[statements]\na=SEQUENCE:compliance\nb=SEQUENCE:type_sign\n[seal_statements]\na=SEQUENCE:compliance\n\
         b=SEQUENCE:type_seal\n[compliance]\na=OID:0.4.0.1862.1.1\n[type_sign]\na=OID:0.4.0.1862.1.6\n\
         b=SEQUENCE:esign\n[type_seal]\na=OID:0.4.0.1862.1.6\nb=SEQUENCE:eseal\n[esign]\na=OID:0.4.0.1862.1.6.1\n\
         [eseal]\na=OID:0.4.0.1862.1.6.2\n"
            .to_owned(),
        "[tsa_config]\nserial=./tsa.number\ncrypto_device=builtin\nsigner_cert=./tsa.pem\ncerts=./chain.pem\n\
         signer_key=./tsa.key\nsigner_digest=sha256\ndefault_policy=1.2.3.4.1\ndigests=sha256,sha384,sha512\n\
         accuracy=secs:1\nordering=no\ntsa_name=no\ness_cert_id_chain=no\ness_cert_id_alg=sha256\n"
            .to_owned(),
        authorities(base, ids),
    ]
    .concat()
}

/// The sections of extensions of the authorities themselves.
fn authorities(base: &str, ids: &str) -> String {
    let may = "keyUsage=critical,keyCertSign,cRLSign\n";
    format!(
        "[root]\nbasicConstraints=critical,CA:TRUE\n{may}subjectKeyIdentifier=hash\n\
         [issuing]\nbasicConstraints=critical,CA:TRUE,pathlen:0\n{may}{ids}crlDistributionPoints=URI:{base}/root.crl\n\
         authorityInfoAccess=caIssuers;URI:{base}/root.cer\n"
    )
}
