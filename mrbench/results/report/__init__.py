"""`mrbench report`: one HTML file of many runs, and the plots of `mrbench show --plot`.

gather reads the runs, iterations and machine turn their files into series, a module for each kind
of figure turns those into figures, and page writes them all down.

The figures are drawn by plotly.js, which comes inside plotly's wheel. Vega (in vl-convert's wheel,
33 MB of a compiled converter) would make pages smaller by 4 MB, but compiles each figure anew in
the browser and has no legend that toggles without being programmed; Bokeh draws on canvases, which
paper shows as pixels, and depends on pandas. plotly.js draws vectors, needs nothing from anywhere,
and its 4.7 MB leave room for 50 runs below 8 MB. Of plotly's Python part nothing is imported.
"""
