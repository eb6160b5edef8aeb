//! Each template compiles by itself, without the service.

use crate::support::{output_folder, python, run_ok};

#[test]
fn each_template_compiles_alone() {
    run_ok(python("compile_alone.py").arg(output_folder("alone")));
}
