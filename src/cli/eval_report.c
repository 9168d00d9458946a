/*
 * A self-contained page: figures, per-class bars, confusion matrix coloured by its row's share
 * (eval_report.h).
 */
#include "cli/eval_report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/args.h"

static const char head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta "
    "charset=\"utf-8\"><title>Evaluation</title>\n<style>\n"
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 "
    "1rem;color:#1d2329}\n"
    "h1{font-size:1.4rem;margin-bottom:.2rem}h2{font-size:1.1rem;margin-top:2rem}p.sub{color:#"
    "5b6670;margin-top:0}\n"
    ".cards{display:flex;gap:1rem;flex-wrap:wrap}.card{border:1px solid "
    "#d8dee4;border-radius:8px;padding:.7rem 1.1rem}\n"
    ".card b{display:block;font-size:1.5rem}table{border-collapse:collapse}td,th{padding:.25rem "
    ".6rem;text-align:right}\n"
    "th{font-weight:600;color:#5b6670}td.n,th.n{text-align:left}.bar{display:inline-block;height:."
    "7rem;background:#2f7fd1;border-radius:2px;"
    "vertical-align:middle;margin-right:.4rem}.cm td{min-width:2.6rem;text-align:center;border:1px "
    "solid #fff}\n"
    ".cm "
    "th.v{max-width:9rem;overflow:hidden;text-overflow:ellipsis}.scroll{overflow-x:auto}\n</"
    "style></head><body>\n";

static void put_text(FILE *f, const char *s) {
    for (; *s; s++) {
        if (*s == '<')
            fputs("&lt;", f);
        else if (*s == '&')
            fputs("&amp;", f);
        else if (*s == '"')
            fputs("&quot;", f);
        else
            fputc(*s, f);
    }
}

static void put_share(FILE *f, double value) {
    if (isfinite(value))
        fprintf(f, "<td class=\"n\"><span class=\"bar\" style=\"width:%.1fpx\"></span>%.3f</td>",
                90 * value, value);
    else
        fputs("<td class=\"n\">-</td>", f);
}

static void put_classes(FILE *f, const graft_model *model, const graft_evaluation *e) {
    fputs("<h2>Classes</h2><table><tr><th class=\"n\">class</th><th class=\"n\">precision</th><th "
          "class=\"n\">recall</th>"
          "<th>pictures</th></tr>\n",
          f);
    for (int32_t i = 0; i < e->classes; i++) {
        fputs("<tr><td class=\"n\">", f);
        put_text(f, graft_model_label(model, i));
        fputs("</td>", f);
        put_share(f, e->precision[i]);
        put_share(f, e->recall[i]);
        fprintf(f, "<td>%lld</td></tr>\n", (long long)e->support[i]);
    }
    fputs("</table>\n", f);
}

/* Right ones shade to green, wrong ones to red, by their share of the true class. */
static void put_cell(FILE *f, int64_t count, int64_t support, bool right) {
    double share = support > 0 ? (double)count / (double)support : 0;
    int fade = (int)(255 - 175 * share);
    if (count == 0)
        fputs("<td style=\"background:#f6f8fa;color:#b4bcc4\">0</td>", f);
    else if (right)
        fprintf(f, "<td style=\"background:rgb(%d,%d,%d)\">%lld</td>", fade, 235, fade,
                (long long)count);
    else
        fprintf(f, "<td style=\"background:rgb(%d,%d,%d)\">%lld</td>", 250, fade, fade,
                (long long)count);
}

static void put_confusion(FILE *f, const graft_model *model, const graft_evaluation *e) {
    fputs("<h2>Confusion</h2><p class=\"sub\">rows: true class; columns: predicted class</p><div "
          "class=\"scroll\">"
          "<table class=\"cm\"><tr><th></th>",
          f);
    for (int32_t i = 0; i < e->classes; i++) {
        fputs("<th class=\"v\">", f);
        put_text(f, graft_model_label(model, i));
        fputs("</th>", f);
    }
    fputs("</tr>\n", f);
    for (int32_t i = 0; i < e->classes; i++) {
        fputs("<tr><th class=\"n\">", f);
        put_text(f, graft_model_label(model, i));
        fputs("</th>", f);
        for (int32_t k = 0; k < e->classes; k++)
            put_cell(f, e->confusion[(int64_t)i * e->classes + k], e->support[i], i == k);
        fputs("</tr>\n", f);
    }
    fputs("</table></div>\n", f);
}

static void put_page(FILE *f, const char *model_name, const char *data_name,
                     const graft_model *model, const graft_evaluation *e) {
    fputs(head, f);
    fputs("<h1>", f);
    put_text(f, model_name);
    fputs("</h1><p class=\"sub\">evaluated on ", f);
    put_text(f, data_name);
    fprintf(f,
            "</p>\n<div class=\"cards\"><div class=\"card\"><b>%.2f %%</b>top-1</div><div "
            "class=\"card\"><b>%.2f %%</b>top-5</div>"
            "<div class=\"card\"><b>%.4f</b>loss</div><div "
            "class=\"card\"><b>%lld</b>pictures</div></div>\n",
            100 * e->top1, 100 * e->top5, e->loss, (long long)e->images);
    put_classes(f, model, e);
    put_confusion(f, model, e);
    fputs("</body></html>\n", f);
}

int cli_eval_html(const char *path, const char *model_name, const char *data_name,
                  const graft_model *model, const graft_evaluation *e) {
    char temp[4096];
    int length = snprintf(temp, sizeof temp, "%s.partial-%ld", path, (long)getpid());
    FILE *f = length > 0 && (size_t)length < sizeof temp ? fopen(temp, "w") : NULL;
    bool ok = f != NULL;
    if (ok) {
        put_page(f, model_name, data_name, model, e);
        ok = ferror(f) == 0 && fflush(f) == 0 && fsync(fileno(f)) == 0;
        ok = (fclose(f) == 0) && ok && rename(temp, path) == 0;
    }
    if (ok)
        return CLI_OK;
    fprintf(stderr, "graft eval: %s: cannot be written: %s\n", path, strerror(errno));
    if (f)
        (void)remove(temp);
    return CLI_FAILED;
}
